import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { ThrottlerModuleOptions } from './throttler.options.js';

/** @internal */
export const THROTTLER_OPTIONS = 'THROTTLER:MODULE_OPTIONS';

/** Names as in @nestjs/throttler: `forRoot`, `forRootAsync`, and factories with `createThrottlerOptions()`. */
export const { ConfigurableModuleClass, ASYNC_OPTIONS_TYPE } = new ConfigurableModuleBuilder<ThrottlerModuleOptions>({
  optionsInjectionToken: THROTTLER_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createThrottlerOptions')
  .build();
