import { ConfigurableModuleBuilder, Module } from '@nestjs/common';
import { GuardChainModule } from '../guards/index.js';
import { Metrics, NoMetrics, ViolationStreaks } from '../ports/index.js';
import { AddressGuard } from './address.guard.js';
import { HardenedHttp } from './hardened-http.js';
import { NoStoreGuard } from './no-store.guard.js';
import { OperatorKeysGuard } from './operator-keys.js';
import {
  SECURITY_OPTIONS,
  SECURITY_SETTINGS,
  createSecuritySettings,
  type SecurityModuleOptions,
} from './security.options.js';
import { SecurityReports } from './security-reports.js';

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<SecurityModuleOptions>({
  optionsInjectionToken: SECURITY_OPTIONS,
})
  .setClassMethodName('forRoot')
  .build();

/**
 * Hardens the HTTP server of an application on Express and Fastify: response headers, CORS, limits for requests and
 * bodies, address lists and compression. Create the application with `bodyParser: false`, so that only this module reads
 * bodies.
 *
 * @publicApi
 */
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
    HardenedHttp,
    AddressGuard,
    NoStoreGuard,
    OperatorKeysGuard,
  ],
  exports: [HardenedHttp],
})
export class SecurityModule extends ConfigurableModuleClass {}
