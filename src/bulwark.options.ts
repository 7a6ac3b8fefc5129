import type { AuditModuleOptions } from './audit/index.js';
import type { AuthModuleOptions } from './auth/index.js';
import type { AuthorizationModuleOptions } from './authorization/index.js';
import type { CacheModuleOptions } from './cache/index.js';
import type { AppConfig } from './config/index.js';
import type { RoutePlacement } from './context/index.js';
import type { ConventionsModuleOptions } from './conventions/index.js';
import type { DatabaseOptions } from './database/index.js';
import type { DocsModuleOptions } from './openapi.js';
import type { HealthModuleExtras, HealthModuleOptions } from './health/index.js';
import type { IdempotencyModuleOptions } from './idempotency/index.js';
import type { ManagementModuleOptions } from './management/index.js';
import type { ObservabilityOptions } from './observability/index.js';
import type { ProductionTestModuleOptions } from './production-test/index.js';
import type { RedisModuleOptions } from './redis/index.js';
import type { SecurityModuleOptions } from './security/index.js';
import type { ShutdownModuleOptions } from './shutdown/index.js';
import type { ThrottlerModuleOptions } from './throttler/index.js';

/** The options of each module of the suite, under the name of the module. @publicApi */
export interface ModuleOptions {
  shutdown?: ShutdownModuleOptions;
  observability?: ObservabilityOptions;
  /** `migrations` are those of the application; the migrations of the suite run before them. */
  database?: DatabaseOptions;
  /** @default no Redis: limits and caches are those of each process */
  redis?: RedisModuleOptions;
  cache?: CacheModuleOptions;
  conventions?: ConventionsModuleOptions;
  /** @default records in the table `idempotency_keys` */
  idempotency?: IdempotencyModuleOptions;
  health?: HealthModuleOptions & HealthModuleExtras;
  /** A separate port for operators. @default none */
  management?: ManagementModuleOptions;
  security?: SecurityModuleOptions;
  throttler?: Exclude<ThrottlerModuleOptions, readonly unknown[]>;
  authorization?: AuthorizationModuleOptions;
  auth?: AuthModuleOptions;
  /** `redisStream` names a stream that receives every event too. */
  audit?: AuditModuleOptions & { adminRoutes?: boolean; redisStream?: string };
  productionTest?: ProductionTestModuleOptions;
  docs?: DocsModuleOptions;
}

/** Name of a module of the suite in {@link BulwarkOptions}. @publicApi */
export type ModuleName = keyof ModuleOptions | 'tenants' | 'apiKeys';

/** Options of `BulwarkModule.forRoot()`. @publicApi */
export interface BulwarkOptions extends ModuleOptions {
  /** Modules that are not imported. @default [] */
  without?: readonly ModuleName[];
  /** Where the routes of a module are; false leaves them out. @default where each module has them */
  routes?: Partial<Record<ModuleName, RoutePlacement | false>>;
  /** The configuration that the options come from. `fromEnvironment()` sets it, and makes it injectable. */
  config?: AppConfig;
}

/** Merges options module by module. A value in `changes` replaces the one in `options`. */
export function mergeOptions(options: BulwarkOptions, changes: BulwarkOptions): BulwarkOptions {
  const names = new Set([...Object.keys(options), ...Object.keys(changes)]) as Set<keyof ModuleOptions>;
  const merged: Record<string, unknown> = {};
  for (const name of names) merged[name] = { ...options[name], ...changes[name] };
  const without = [...(options.without ?? []), ...(changes.without ?? [])];
  const config = changes.config ?? options.config;
  const routes = { ...options.routes, ...changes.routes };
  return { ...merged, without, routes, ...(config && { config }) };
}
