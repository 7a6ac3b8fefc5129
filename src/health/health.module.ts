import { ConfigurableModuleBuilder, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import { ProblemModule } from '../problem/index.js';
import { DiskHealth } from './disk.health.js';
import { EventLoopHealth } from './event-loop.health.js';
import { HealthAccess } from './health.access.js';
import { HealthController } from './health.controller.js';
import { HEALTH_SETTINGS, healthSettings, type HealthModuleOptions } from './health.options.js';
import { HealthRegistry } from './health.registry.js';
import { MemoryHealth } from './memory.health.js';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<HealthModuleOptions>()
  .setClassMethodName('forRoot')
  .build();

/**
 * Liveness, readiness, startup, full and deep health. Any module adds a check with `@HealthCheckOf({ key })` on a
 * provider.
 *
 * @publicApi
 */
@Module({
  // Probes are polled. With its logger, terminus would log the same failure at each probe.
  imports: [DiscoveryModule, ProblemModule, TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [
    { provide: HEALTH_SETTINGS, useFactory: healthSettings, inject: [MODULE_OPTIONS_TOKEN] },
    HealthAccess,
    HealthRegistry,
    MemoryHealth,
    EventLoopHealth,
    DiskHealth,
  ],
  exports: [HealthRegistry],
})
export class HealthModule extends ConfigurableModuleClass {}
