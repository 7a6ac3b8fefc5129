import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Module, type DynamicModule, type ModuleMetadata } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ApiKeysModule } from './api-keys/index.js';
import {
  AuditModule,
  FileDigestStore,
  FileSink,
  RedisStreamSink,
  S3DigestStore,
  type AuditModuleOptions,
  type AuditSink,
} from './audit/index.js';
import { REDIS } from './ports/index.js';
import {
  AuthModule,
  FileMailSender,
  LogMailSender,
  PwnedPasswords,
  SmtpMailSender,
  type AuthModuleOptions,
  type MailSender,
} from './auth/index.js';
import { AuthorizationModule } from './authorization/index.js';
import { CacheModule } from './cache/index.js';
import { ConfigModule, developmentSecret, type AppConfig } from './config/index.js';
import { ConventionsModule } from './conventions/index.js';
import { DatabaseModule } from './database/index.js';
import { DocsController } from './docs.controller.js';
import { HealthModule } from './health/index.js';
import { IdempotencyModule, PostgresIdempotencyStore } from './idempotency/index.js';
import { ManagementModule } from './management/index.js';
import { migrations } from './migrations.js';
import { ObservabilityModule } from './observability/index.js';
import { ApiDocument } from './openapi.js';
import { ProductionTestModule } from './production-test/index.js';
import { RedisModule, type RedisClient } from './redis/index.js';
import { SecurityModule, type SecurityModuleOptions } from './security/index.js';
import { ShutdownModule } from './shutdown/index.js';
import { TenantsModule } from './tenants/index.js';
import { ThrottlerModule } from './throttler/index.js';

/** The reference application: the modules of the suite, each given its part of the configuration. */
@Module({})
export class AppModule {
  static forRoot(config: AppConfig, imports: NonNullable<ModuleMetadata['imports']> = []): DynamicModule {
    const { authorization, throttling, database, http } = config;
    return {
      module: AppModule,
      controllers: [DocsController],
      providers: [ApiDocument],
      imports: [
        ConfigModule.forRoot(config),
        ShutdownModule.forRoot(config.shutdown),
        ObservabilityModule.forRoot({ metricsToken: config.metrics.token, metricsOpen: !config.isProduction }),
        DatabaseModule.forRoot({ ...database, migrations }),
        RedisModule.forRoot(config.redis),
        CacheModule.forRoot(config.cache),
        ConventionsModule.forRoot({ cursorSecret: cursorSecretOf(config) }),
        IdempotencyModule.forRootAsync({
          inject: [DataSource],
          useFactory: (source: DataSource) => ({ store: new PostgresIdempotencyStore(source) }),
        }),
        HealthModule.forRoot({ detailsToken: config.metrics.token }),
        ...(http.managementPort === undefined
          ? []
          : [ManagementModule.forRoot({ port: http.managementPort, host: http.managementHost })]),
        SecurityModule.forRoot(securityOf(config)),
        ThrottlerModule.forRoot({
          tiers: config.throttle,
          failedLogins: throttling.failedLogins,
          replicas: throttling.replicas,
          redisOptions: { timeoutMs: throttling.redisTimeoutMs },
          adminRoutes: true,
        }),
        // Without a file, an application's own import says which roles there are.
        ...(authorization.rolesFile === undefined ? [] : [AuthorizationModule.forRoot(authorization)]),
        AuthModule.forRoot(authOptions(config)),
        TenantsModule,
        ApiKeysModule,
        AuditModule.forRootAsync({
          adminRoutes: true,
          inject: [REDIS],
          useFactory: (redis: RedisClient | undefined) => ({
            ...auditOptions(config),
            sinks: sinksOf(config, redis),
          }),
        }),
        ...selfTests(config),
        ...imports,
      ],
    };
  }
}

function selfTests({ productionTest: { enabled, timeoutMs }, isProduction }: AppConfig): DynamicModule[] {
  return enabled ? [ProductionTestModule.forRoot({ adminOnly: isProduction, timeoutMs })] : [];
}

/** How the reference application sets AuditModule up. */
export function auditOptions({ audit }: AppConfig): AuditModuleOptions {
  const { digestDir, digestBucket, ...options } = audit;
  const digests = digestBucket === undefined ? new FileDigestStore(digestDir) : new S3DigestStore(digestBucket);
  return { ...options, digests };
}

/** How the reference application sets AuthModule up. */
export function authOptions(config: AppConfig): AuthModuleOptions {
  const { auth, database } = config;
  const hasKeys = auth.privateKey !== undefined || auth.keysFile !== undefined;
  const key = hasKeys ? {} : { secret: auth.secret ?? developmentSecret(database.dataDir) };
  const { url, timeoutMs } = config.breachedPasswords;
  return {
    ...auth,
    ...key,
    mailSender: mailSenderOf(config),
    ...(url !== undefined && { breachedPasswords: new PwnedPasswords({ url, timeoutMs }) }),
  };
}

/**
 * The same for all replicas, as what signs their tokens is; CursorCodec derives a key of its own from it. What is wrong
 * with a file of keys, AuthModule says.
 */
function cursorSecretOf({ auth, conventions, database }: AppConfig): string {
  const keys = auth.keysFile === undefined ? undefined : hash('sha256', contentOf(auth.keysFile));
  return conventions.cursorSecret ?? auth.secret ?? auth.privateKey ?? keys ?? developmentSecret(database.dataDir);
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    return Buffer.of();
  }
}

/** Undefined in production where no server is named: mails hold tokens, which have no business in its log. */
function mailSenderOf({ mail: { url, from, caFile, requireTls }, isProduction }: AppConfig): MailSender | undefined {
  if (url?.startsWith('file:')) return new FileMailSender(url.slice('file:'.length));
  if (url !== undefined) return new SmtpMailSender(url, from, caFile, requireTls);
  return isProduction ? undefined : new LogMailSender();
}

function securityOf({ http }: AppConfig): SecurityModuleOptions {
  const { corsOrigins, corsCredentials, bodyLimitBytes, hstsPreload, allowAddresses, denyAddresses } = http;
  return {
    limits: { bodyBytes: bodyLimitBytes },
    cors: corsOrigins.length === 0 ? undefined : { origins: corsOrigins, credentials: corsCredentials },
    hstsPreload,
    allowAddresses,
    denyAddresses,
  };
}

function sinksOf(
  { audit: { sinkDir, sinkRedisStream: stream } }: AppConfig,
  client: RedisClient | undefined,
): AuditSink[] {
  return [
    ...(sinkDir === undefined ? [] : [new FileSink({ folder: sinkDir })]),
    ...(stream === undefined || client === undefined ? [] : [new RedisStreamSink({ client, stream })]),
  ];
}
