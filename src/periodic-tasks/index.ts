export { periodicTasksMigrations } from './create-periodic-task-claims.migration.js';
export { PeriodicTask } from './periodic-task.decorator.js';
export {
  type PeriodicTaskOptions,
  type PeriodicTaskScope,
  type PeriodicTaskTiming,
  type PeriodicTasksModuleOptions,
} from './periodic-task.options.js';
export { type PeriodicTaskDefinition, PeriodicTaskRunner } from './periodic-task.runner.js';
export { PeriodicTasksCoreModule, PeriodicTasksModule } from './periodic-tasks.module.js';
export { type AddTaskOptions, PeriodicTasks } from './periodic-tasks.service.js';
export { type PeriodicTaskStatus } from './task-record.js';
