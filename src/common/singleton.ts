import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';

/**
 * Returns the instance of a provider that a decorator has marked for use outside of requests. A provider of request or
 * transient scope has no such instance: Nest holds an object in its place whose constructor has never run.
 *
 * @param decorator name for the message, such as `@OnShutdown()`
 * @throws Error where the provider is not a singleton
 */
export function getSingleton<T = unknown>(wrapper: InstanceWrapper, decorator: string): T {
  if (wrapper.isDependencyTreeStatic() && !wrapper.isTransient) return wrapper.instance as T;
  const module = wrapper.host?.name === undefined ? '' : ` of ${wrapper.host.name}`;
  throw new Error(
    `${String(wrapper.name)}${module} is marked with ${decorator}, but it is not a singleton: it has request or transient ` +
      'scope, or depends on a provider that has.\n' +
      '  → give it the default scope. Inject ModuleRef, and call moduleRef.resolve() in the method for what needs another scope',
  );
}
