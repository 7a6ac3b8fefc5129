import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { ThrottlerModuleOptions } from './throttler.options.js';

/** Names as in @nestjs/throttler: `forRoot`, `forRootAsync`, and factories with `createThrottlerOptions()`. */
export const { ConfigurableModuleClass, ASYNC_OPTIONS_TYPE, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<ThrottlerModuleOptions>({ optionsInjectionToken: Symbol('bulwark.throttler.options') })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createThrottlerOptions')
    .build();
