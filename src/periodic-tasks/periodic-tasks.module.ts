import { Global, Module, type DynamicModule } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ClusterClaims } from './cluster-claims.js';
import {
  ConfigurableModuleClass,
  PERIODIC_TASKS_OPTIONS,
  type OPTIONS_TYPE,
} from './periodic-tasks.module-definition.js';
import { PeriodicTasksHealth } from './periodic-tasks.health.js';
import { PeriodicTasks } from './periodic-tasks.service.js';
import { TaskExplorer } from './task-explorer.js';

/** For modules that add tasks; there is one, whichever modules import it. @publicApi */
@Module({
  imports: [DiscoveryModule],
  providers: [ClusterClaims, TaskExplorer, PeriodicTasks, PeriodicTasksHealth],
  exports: [PeriodicTasks],
})
export class PeriodicTasksCoreModule {}

/**
 * Runs methods with `@PeriodicTask()` again and again, each on all replicas or on one among them.
 *
 * @publicApi
 */
@Global()
@Module({ imports: [PeriodicTasksCoreModule], exports: [PeriodicTasksCoreModule, PERIODIC_TASKS_OPTIONS] })
export class PeriodicTasksModule extends ConfigurableModuleClass {
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }
}
