import { ConfigurableModuleBuilder, Global, Module } from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { GuardChainModule, overridableGuards } from '../guards/index.js';
import { ImportedOnce, RequestHooks } from '../context/index.js';
import { InputReports, Metrics, NoMetrics, REDIS, ViolationStreaks } from '../ports/index.js';
import { AddressGuard } from './address.guard.js';
import { HardenedHttp } from './hardened-http.js';
import { NoStoreGuard } from './no-store.guard.js';
import { OperatorKeysGuard } from './operator-keys.js';
import { keepInjectedRawBodies } from './raw-body.js';
import { installCompression } from './response-compression.js';
import {
  SECURITY_OPTIONS,
  SECURITY_SETTINGS,
  createSecuritySettings,
  type SecurityModuleOptions,
  type SecuritySettings,
} from './security.options.js';
import { SecurityReports } from './security-reports.js';
import { WebhookReplays, type ReplayRedis } from './webhooks/webhook-replays.js';
import { WebhookVerifier } from './webhooks/webhook-verifier.js';

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<SecurityModuleOptions>({
  optionsInjectionToken: SECURITY_OPTIONS,
})
  .setClassMethodName('forRoot')
  .build();

/**
 * Hardens the HTTP server of an application on Express and Fastify: response headers, CORS, limits for requests and
 * bodies, address lists and compression. Only this module reads bodies; the parsers of Nest are not installed.
 *
 * @publicApi
 */
@ImportedOnce()
@Global()
@Module({
  imports: [GuardChainModule],
  providers: [
    { provide: SECURITY_SETTINGS, inject: [SECURITY_OPTIONS], useFactory: createSecuritySettings },
    ViolationStreaks,
    {
      provide: SecurityReports,
      inject: [ViolationStreaks, { token: Metrics, optional: true }],
      useFactory: (streaks: ViolationStreaks, metrics: Metrics = new NoMetrics()) =>
        new SecurityReports(metrics, streaks),
    },
    {
      provide: HardenedHttp,
      inject: [HttpAdapterHost, RequestHooks, SECURITY_SETTINGS, SecurityReports, ModulesContainer],
      useFactory: async (
        host: HttpAdapterHost,
        hooks: RequestHooks,
        settings: SecuritySettings,
        reports: SecurityReports,
        modules: ModulesContainer,
      ) => {
        keepInjectedRawBodies(modules);
        // First, so that what holds a response back stands in front of the compression, and can still change the headers.
        await installCompression(settings, host);
        return new HardenedHttp(host, hooks, settings, reports);
      },
    },
    {
      provide: WebhookVerifier,
      inject: [SecurityReports, { token: REDIS, optional: true }],
      useFactory: (reports: SecurityReports, redis?: ReplayRedis) =>
        new WebhookVerifier(reports, new WebhookReplays(redis)),
    },
    { provide: InputReports, useExisting: HardenedHttp },
    AddressGuard,
    NoStoreGuard,
    OperatorKeysGuard,
    overridableGuards(AddressGuard, NoStoreGuard, OperatorKeysGuard),
  ],
  exports: [HardenedHttp, InputReports],
})
export class SecurityModule extends ConfigurableModuleClass {}
