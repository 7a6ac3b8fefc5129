import { Module, type DynamicModule, type ModuleMetadata, type Type } from '@nestjs/common';
import { ApiKeysModule } from './api-keys/index.js';
import { AuditModule, RedisStreamSink, type AuditModuleOptions } from './audit/index.js';
import { AuthModule } from './auth/index.js';
import { AuthorizationModule } from './authorization/index.js';
import type { BulwarkOptions, ModuleName } from './bulwark.options.js';
import { CacheModule } from './cache/index.js';
import { ConfigModule } from './config/index.js';
import { withRoutes, type RoutePlacement } from './context/index.js';
import { ConventionsModule } from './conventions/index.js';
import { DatabaseModule } from './database/index.js';
import { DocsModule } from './docs.module.js';
import { HealthModule } from './health/index.js';
import { IdempotencyModule } from './idempotency/index.js';
import { ManagementModule } from './management/index.js';
import { migrations } from './migrations.js';
import { ObservabilityModule } from './observability/index.js';
import { REDIS } from './ports/index.js';
import { ProductionTestModule } from './production-test/index.js';
import { RedisModule, type RedisClient } from './redis/index.js';
import { SecurityModule } from './security/index.js';
import { ShutdownModule } from './shutdown/index.js';
import { TenantsModule } from './tenants/index.js';
import { ThrottlerModule } from './throttler/index.js';

/** The reference application: the modules of this library, each with its options. */
@Module({})
export class AppModule {
  static forRoot(options: BulwarkOptions, imports: NonNullable<ModuleMetadata['imports']> = []): DynamicModule {
    return { module: AppModule, imports: [...listModules(options), ...imports] };
  }
}

/** The modules of the suite with these options, without those that the options leave out. */
export function listModules(options: BulwarkOptions): (DynamicModule | Type)[] {
  const { authorization, config, database, management, routes = {}, without = [] } = options;
  const modules: Partial<Record<ModuleName, DynamicModule | Type>> = {
    shutdown: ShutdownModule.forRoot(options.shutdown ?? {}),
    observability: ObservabilityModule.forRoot(options.observability ?? {}),
    database: DatabaseModule.forRoot({
      ...database,
      migrations: [...migrations, ...(database?.migrations ?? [])],
    }),
    redis: RedisModule.forRoot(options.redis ?? {}),
    cache: CacheModule.forRoot(options.cache ?? {}),
    conventions: ConventionsModule.forRoot(options.conventions),
    idempotency: IdempotencyModule.forRoot(options.idempotency ?? { dataSource: 'default' }),
    health: HealthModule.forRoot(options.health ?? {}),
    ...(management && { management: ManagementModule.forRoot(management) }),
    security: SecurityModule.forRoot(options.security ?? {}),
    throttler: ThrottlerModule.forRoot({ adminRoutes: true, ...options.throttler }),
    ...(authorization && { authorization: AuthorizationModule.forRoot(authorization) }),
    auth: AuthModule.forRoot(options.auth ?? {}),
    tenants: TenantsModule,
    apiKeys: ApiKeysModule,
    audit: auditModule(options.audit ?? {}),
    productionTest: ProductionTestModule.forRoot(options.productionTest),
    docs: DocsModule.forRoot(options.docs),
  };
  for (const name of without) delete modules[name];
  for (const [name, placement] of Object.entries(routes) as [ModuleName, RoutePlacement | false][]) {
    const module = modules[name];
    if (module) modules[name] = withRoutes(module, placement);
  }
  return [...(config ? [ConfigModule.forRoot(config)] : []), ...Object.values(modules)];
}

function auditModule({
  redisStream: stream,
  adminRoutes = true,
  ...options
}: NonNullable<BulwarkOptions['audit']>): DynamicModule {
  return AuditModule.forRootAsync({
    adminRoutes,
    inject: [{ token: REDIS, optional: true }],
    useFactory: (client: RedisClient | undefined): AuditModuleOptions => {
      if (stream === undefined || client === undefined) return options;
      return { ...options, sinks: [...(options.sinks ?? []), new RedisStreamSink({ client, stream })] };
    },
  });
}
