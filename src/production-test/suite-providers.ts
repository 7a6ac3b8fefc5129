import type { DataSource } from 'typeorm';
import type { AuditService, AuditSettings, AuditVerifier } from '../audit/index.js';
import type { AuthSettings, RevocationService } from '../auth/index.js';
import type { CacheService } from '../cache/index.js';
import type { DatabaseSettings } from '../database/index.js';
import type { HealthSettings } from '../health/index.js';
import type { ObservabilityOptions } from '../observability/index.js';
import { REDIS } from '../ports/index.js';
import type { RedisClient, RedisModuleOptions } from '../redis/index.js';
import type { SecuritySettings } from '../security/index.js';
import type { ShutdownSettings } from '../shutdown/index.js';
import type { ThrottlerSettings } from '../throttler/index.js';
import type { UsersService } from '../users/index.js';
import type { SuiteProvider } from './imported-modules.js';

/** The providers of other modules that the checks use. */
interface SuiteProviders {
  auditSettings: AuditSettings;
  auditService: AuditService;
  auditVerifier: AuditVerifier;
  authSettings: AuthSettings;
  cacheService: CacheService;
  databaseSettings: DatabaseSettings;
  dataSource: DataSource;
  healthSettings: HealthSettings;
  observabilityOptions: ObservabilityOptions;
  redisClient: RedisClient;
  redisOptions: RedisModuleOptions;
  revocations: RevocationService;
  securitySettings: SecuritySettings;
  shutdownSettings: ShutdownSettings;
  throttlerSettings: ThrottlerSettings;
  users: UsersService;
}

const audit = () => import('../audit/index.js');
const auth = () => import('../auth/index.js');

export const SUITE: { readonly [Name in keyof SuiteProviders]: SuiteProvider<SuiteProviders[Name]> } = {
  auditSettings: { module: 'AuditModule', load: async () => (await audit()).AUDIT_SETTINGS },
  auditService: { module: 'AuditModule', load: async () => (await audit()).AuditService },
  auditVerifier: { module: 'AuditModule', load: async () => (await audit()).AuditVerifier },
  authSettings: { module: 'AuthModule', load: async () => (await auth()).AUTH_SETTINGS },
  cacheService: { module: 'CacheModule', load: async () => (await import('../cache/index.js')).CacheService },
  databaseSettings: {
    module: 'DatabaseModule',
    load: async () => (await import('../database/index.js')).DATABASE_SETTINGS,
  },
  // TypeOrmModule of the application provides it too.
  dataSource: { module: 'DatabaseModule', load: async () => (await import('typeorm')).DataSource },
  healthSettings: { module: 'HealthModule', load: async () => (await import('../health/index.js')).HEALTH_SETTINGS },
  observabilityOptions: {
    module: 'ObservabilityModule',
    load: async () => (await import('../observability/index.js')).OBSERVABILITY_OPTIONS,
  },
  redisClient: { module: 'RedisModule', load: () => Promise.resolve(REDIS) },
  redisOptions: { module: 'RedisModule', load: async () => (await import('../redis/index.js')).REDIS_OPTIONS },
  revocations: { module: 'AuthModule', load: async () => (await auth()).RevocationService },
  securitySettings: {
    module: 'SecurityModule',
    load: async () => (await import('../security/index.js')).SECURITY_SETTINGS,
  },
  shutdownSettings: {
    module: 'ShutdownModule',
    load: async () => (await import('../shutdown/index.js')).SHUTDOWN_SETTINGS,
  },
  throttlerSettings: {
    module: 'ThrottlerModule',
    load: async () => (await import('../throttler/index.js')).THROTTLER_SETTINGS,
  },
  users: { module: 'AuthModule', load: async () => (await import('../users/index.js')).UsersService },
};
