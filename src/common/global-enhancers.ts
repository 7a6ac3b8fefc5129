import type { ApplicationConfig } from '@nestjs/core';

/**
 * Moves a global guard or filter of the suite before those of the application. Call it in `configure()` of a module: all
 * global enhancers are registered then, and no route has read them yet.
 *
 * Nest keeps them in the order in which it finds them, and finds those of the root module first. It has no public way to
 * choose the order, so this changes the lists that `ApplicationConfig` returns.
 *
 * @internal
 */
export function moveToFront(config: ApplicationConfig, kind: 'guards' | 'filters', enhancer: object): void {
  const list: object[] = kind === 'guards' ? config.getGlobalGuards() : config.getGlobalFilters();
  const position = list.indexOf(enhancer);
  if (position > 0) list.unshift(...list.splice(position, 1));
}
