import { ConfigurableModuleBuilder, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import { ImportedOnce } from '../context/index.js';
import { ProblemModule } from '../problem/index.js';
import { DiskHealth } from './disk.health.js';
import { EventLoopHealth } from './event-loop.health.js';
import { HealthAccess } from './health.access.js';
import { HealthAnswers } from './health.answers.js';
import { createHealthController, DEFAULT_HEALTH_PATH } from './health.controller.js';
import {
  HEALTH_SETTINGS,
  healthSettings,
  type HealthModuleExtras,
  type HealthModuleOptions,
} from './health.options.js';
import { HealthRegistry } from './health.registry.js';
import { MemoryHealth } from './memory.health.js';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<HealthModuleOptions>()
  .setClassMethodName('forRoot')
  .setExtras<HealthModuleExtras>({ path: DEFAULT_HEALTH_PATH }, (definition, { path = DEFAULT_HEALTH_PATH }) => ({
    ...definition,
    controllers: [createHealthController(path)],
  }))
  .build();

/**
 * Liveness, readiness, startup, full and deep health. Any module adds a check with `@HealthCheckOf({ key })` on a
 * provider.
 *
 * @publicApi
 */
@ImportedOnce()
@Module({
  // Probes are polled. With its logger, terminus would log the same failure at each probe.
  imports: [DiscoveryModule, ProblemModule, TerminusModule.forRoot({ logger: false })],
  providers: [
    { provide: HEALTH_SETTINGS, useFactory: healthSettings, inject: [MODULE_OPTIONS_TOKEN] },
    HealthAccess,
    HealthAnswers,
    HealthRegistry,
    MemoryHealth,
    EventLoopHealth,
    DiskHealth,
  ],
  exports: [HealthRegistry],
})
export class HealthModule extends ConfigurableModuleClass {}
