import type { ModuleRef, NestContainer } from '@nestjs/core';

/**
 * Moves a global guard or filter of the suite before those of the application. Call it in `configure()` of a module: all
 * global enhancers are registered then, and no route has read them yet.
 *
 * Nest keeps them in the order in which it finds them, and finds those of the root module first. It has no public way to
 * choose the order, so this reads its lists through the container of `ModuleRef`.
 *
 * @internal
 */
export function moveToFront(moduleRef: ModuleRef, kind: 'guards' | 'filters', enhancer: object): void {
  const { applicationConfig } = (moduleRef as unknown as { container: NestContainer }).container;
  if (!applicationConfig) return;
  const list: object[] = kind === 'guards' ? applicationConfig.getGlobalGuards() : applicationConfig.getGlobalFilters();
  const position = list.indexOf(enhancer);
  if (position > 0) list.unshift(...list.splice(position, 1));
}
