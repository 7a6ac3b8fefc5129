import { Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { markExplored, PERIODIC_TASK } from './periodic-task.decorator.js';
import type { PeriodicTaskOptions, PeriodicTaskScope } from './periodic-task.options.js';
import type { PeriodicTaskDefinition } from './periodic-task.runner.js';

/** A method with `@PeriodicTask()`. */
export interface ExploredTask {
  readonly scope: PeriodicTaskScope;
  readonly definition: PeriodicTaskDefinition;
}

type Methods = Record<string, (signal: AbortSignal) => unknown>;

/** Finds the methods that are marked with `@PeriodicTask()`, in whichever module. */
@Injectable()
export class TaskExplorer {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
  ) {}

  /** @throws Error where a marked method has no instance that lives as long as the application */
  explore(): ExploredTask[] {
    const wrappers = [...this.discovery.getProviders(), ...this.discovery.getControllers()];
    return wrappers.filter(({ isAlias }) => !isAlias).flatMap((wrapper) => this.tasksOf(wrapper));
  }

  private tasksOf(wrapper: InstanceWrapper): ExploredTask[] {
    const instance = wrapper.instance as Methods | undefined;
    if (typeof instance !== 'object' || instance === null) return [];
    const prototype = Object.getPrototypeOf(instance) as Methods | null;
    return this.scanner.getAllMethodNames(prototype).flatMap((method) => {
      const work = prototype?.[method];
      const options = work && this.reflector.get<PeriodicTaskOptions | undefined>(PERIODIC_TASK, work);
      if (!options) return [];
      markExplored(instance);
      const { scope, name = `${String(wrapper.name)}.${method}`, ...timing } = options;
      if (!wrapper.isDependencyTreeStatic()) {
        throw new Error(
          `The periodic task ${name} belongs to a provider of request or transient scope. Move the method to a provider ` +
            'of default scope that depends on none of another scope.',
        );
      }
      return [{ scope, definition: { ...timing, name, run: (signal) => work.call(instance, signal) } }];
    });
  }
}
