export { periodicTasksMigrations } from './create-periodic-task-claims.migration.js';
export { PeriodicTask } from './periodic-task.decorator.js';
export {
  type PeriodicTaskOptions,
  type PeriodicTaskScope,
  type PeriodicTasksModuleOptions,
  type PeriodicTaskTiming,
} from './periodic-task.options.js';
export { PeriodicTaskRunner, type PeriodicTaskDefinition } from './periodic-task.runner.js';
export { PeriodicTasksCoreModule, PeriodicTasksModule } from './periodic-tasks.module.js';
export { PeriodicTasks, type AddTaskOptions } from './periodic-tasks.service.js';
export { type PeriodicTaskStatus, type TaskObserver } from './task-record.js';
