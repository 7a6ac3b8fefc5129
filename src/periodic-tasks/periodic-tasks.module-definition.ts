import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { PeriodicTasksModuleOptions } from './periodic-task.options.js';

export const PERIODIC_TASKS_OPTIONS = Symbol('bulwark.periodicTasksOptions');

export const { ConfigurableModuleClass, OPTIONS_TYPE } = new ConfigurableModuleBuilder<PeriodicTasksModuleOptions>({
  optionsInjectionToken: PERIODIC_TASKS_OPTIONS,
})
  .setClassMethodName('forRoot')
  .build();
