import { ConfigurableModuleBuilder, Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Lifecycle } from '../ports/index.js';
import { ImportedOnce, SuiteRoutesModule } from '../context/index.js';
import { SHUTDOWN_SETTINGS, shutdownSettings, type ShutdownModuleOptions } from './shutdown.options.js';
import { ShutdownService } from './shutdown.service.js';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<ShutdownModuleOptions>()
  .setClassMethodName('forRoot')
  .build();

/**
 * Graceful shutdown in ordered phases. A provider takes part by `@OnShutdown({ phase })`. The shutdown waits for jobs that
 * run inside `Lifecycle.run()`.
 *
 * @publicApi
 */
@ImportedOnce()
@Global()
@Module({
  imports: [DiscoveryModule, SuiteRoutesModule],
  providers: [
    Lifecycle,
    { provide: SHUTDOWN_SETTINGS, useFactory: shutdownSettings, inject: [MODULE_OPTIONS_TOKEN] },
    ShutdownService,
  ],
  exports: [Lifecycle, ShutdownService],
})
export class ShutdownModule extends ConfigurableModuleClass {}
