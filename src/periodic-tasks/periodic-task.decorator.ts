import { SetMetadata, type OnApplicationBootstrap } from '@nestjs/common';
import type { PeriodicTaskOptions } from './periodic-task.options.js';

export const PERIODIC_TASK = Symbol('bulwark.periodicTask');

/** Instances whose tasks run. */
const explored = new WeakSet<object>();

/** Called for each instance whose tasks run. */
export function markExplored(instance: object): void {
  explored.add(instance);
}

/**
 * Runs the method of a provider or controller again and again while the application runs. The method receives an
 * `AbortSignal`, which is aborted when it has to end. Needs `PeriodicTasksModule.forRoot()`: without it the application
 * does not start.
 *
 * @publicApi
 */
export function PeriodicTask(options: PeriodicTaskOptions) {
  return <T extends (signal: AbortSignal) => unknown>(
    target: object,
    method: string | symbol,
    descriptor: TypedPropertyDescriptor<T>,
  ): void => {
    SetMetadata(PERIODIC_TASK, options)(target, method, descriptor);
    checkAtBootstrap(target, method);
  };
}

/** Nest calls this hook of each instance after the tasks have been explored, also in an application without this module. */
function checkAtBootstrap(prototype: Partial<OnApplicationBootstrap>, method: string | symbol): void {
  const bootstrap = prototype.onApplicationBootstrap;
  prototype.onApplicationBootstrap = function (this: object) {
    if (!explored.has(this)) {
      throw new Error(
        `Nothing runs the periodic task ${this.constructor.name}.${String(method)}. ` +
          'Add PeriodicTasksModule.forRoot() of nest-bulwark/periodic-tasks to the imports of the application.',
      );
    }
    return bootstrap?.call(this);
  };
}
