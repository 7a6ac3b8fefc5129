import { Module, type DynamicModule, type ModuleMetadata } from '@nestjs/common';
import { AuditModule } from './audit/index.js';
import { AuthModule } from './auth/index.js';
import { ConfigModule, developmentSecret, type AppConfig } from './config/index.js';
import { DatabaseModule } from './database/index.js';
import { HealthModule } from './health/index.js';
import { ManagementModule } from './management/index.js';
import { migrations } from './migrations.js';
import { ObservabilityModule } from './observability/index.js';
import { ProductionTestModule } from './production-test/index.js';
import { RedisModule } from './redis/index.js';
import { ShutdownModule } from './shutdown/index.js';
import { ThrottlerModule } from './throttler/index.js';

/** The reference application: the modules of the suite, each given its part of the configuration. */
@Module({})
export class AppModule {
  static forRoot(config: AppConfig, imports: NonNullable<ModuleMetadata['imports']> = []): DynamicModule {
    const { auth, database, http } = config;
    const key = auth.privateKey
      ? { privateKey: auth.privateKey }
      : { secret: auth.secret ?? developmentSecret(database.dataDir) };
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config),
        ShutdownModule.forRoot(config.shutdown),
        ObservabilityModule.forRoot({ metricsToken: config.metrics.token, metricsOpen: !config.isProduction }),
        DatabaseModule.forRoot({ ...database, migrations }),
        RedisModule.forRoot(config.redis),
        HealthModule.forRoot({ detailsToken: config.metrics.token }),
        ...(http.managementPort === undefined ? [] : [ManagementModule.forRoot({ port: http.managementPort })]),
        ThrottlerModule.forRoot({ tiers: config.throttle }),
        AuthModule.forRoot({ ...auth, ...key }),
        AuditModule.forRoot(config.audit),
        ...(config.productionTest.enabled ? [ProductionTestModule.forRoot({ adminOnly: config.isProduction })] : []),
        ...imports,
      ],
    };
  }
}
