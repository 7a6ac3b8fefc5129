import { SetMetadata } from '@nestjs/common';
import type { PeriodicTaskOptions } from './periodic-task.options.js';

export const PERIODIC_TASK = Symbol('bulwark.periodicTask');

/**
 * Runs the method of a provider or controller again and again while the application runs. The method receives an
 * `AbortSignal`, which is aborted when it has to end. Needs `PeriodicTasksModule.forRoot()`.
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
  };
}
