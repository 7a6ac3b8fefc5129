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

/** The reference application: the modules of this library, each with its part of the configuration. */
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
        ConventionsModule.forRoot({ cursorSecret: getCursorSecret(config) }),
        IdempotencyModule.forRootAsync({
          inject: [DataSource],
          useFactory: (source: DataSource) => ({ store: new PostgresIdempotencyStore(source) }),
        }),
        HealthModule.forRoot({ detailsToken: config.metrics.token }),
        ...(http.managementPort === undefined
          ? []
          : [ManagementModule.forRoot({ port: http.managementPort, host: http.managementHost })]),
        SecurityModule.forRoot(createSecurityOptions(config)),
        ThrottlerModule.forRoot({
          tiers: config.throttle,
          failedLogins: throttling.failedLogins,
          replicas: throttling.replicas,
          redisOptions: { timeoutMs: throttling.redisTimeoutMs },
          adminRoutes: true,
        }),
        // Without a roles file, an application can import AuthorizationModule itself.
        ...(authorization.rolesFile === undefined ? [] : [AuthorizationModule.forRoot(authorization)]),
        AuthModule.forRoot(createAuthOptions(config)),
        TenantsModule,
        ApiKeysModule,
        AuditModule.forRootAsync({
          adminRoutes: true,
          inject: [REDIS],
          useFactory: (redis: RedisClient | undefined) => ({
            ...createAuditOptions(config),
            sinks: createSinks(config, redis),
          }),
        }),
        ...createSelfTestModules(config),
        ...imports,
      ],
    };
  }
}

function createSelfTestModules({ productionTest: { enabled, timeoutMs }, isProduction }: AppConfig): DynamicModule[] {
  return enabled ? [ProductionTestModule.forRoot({ adminOnly: isProduction, timeoutMs })] : [];
}

/** Options of AuditModule in the reference application. */
export function createAuditOptions({ audit }: AppConfig): AuditModuleOptions {
  const { digestDir, digestBucket, ...options } = audit;
  const digests = digestBucket === undefined ? new FileDigestStore(digestDir) : new S3DigestStore(digestBucket);
  return { ...options, digests };
}

/** Options of AuthModule in the reference application. */
export function createAuthOptions(config: AppConfig): AuthModuleOptions {
  const { auth, database } = config;
  const hasKeys = auth.privateKey !== undefined || auth.keysFile !== undefined;
  const key = hasKeys ? {} : { secret: auth.secret ?? developmentSecret(database.dataDir) };
  const { url, timeoutMs } = config.breachedPasswords;
  return {
    ...auth,
    ...key,
    mailSender: createMailSender(config),
    ...(url !== undefined && { breachedPasswords: new PwnedPasswords({ url, timeoutMs }) }),
  };
}

/**
 * Returns a secret that is the same on all replicas: the secret that signs tokens, if no other is set. CursorCodec derives
 * its own key from it. AuthModule reports errors in the keys file.
 */
function getCursorSecret({ auth, conventions, database }: AppConfig): string {
  const keys = auth.keysFile === undefined ? undefined : hash('sha256', readFileOrEmpty(auth.keysFile));
  return conventions.cursorSecret ?? auth.secret ?? auth.privateKey ?? keys ?? developmentSecret(database.dataDir);
}

function readFileOrEmpty(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    return Buffer.of();
  }
}

/** Returns undefined in production without a mail server, because mails contain tokens that must not be in the log. */
function createMailSender({
  mail: { url, from, caFile, requireTls },
  isProduction,
}: AppConfig): MailSender | undefined {
  if (url?.startsWith('file:')) return new FileMailSender(url.slice('file:'.length));
  if (url !== undefined) return new SmtpMailSender(url, from, caFile, requireTls);
  return isProduction ? undefined : new LogMailSender();
}

function createSecurityOptions({ http }: AppConfig): SecurityModuleOptions {
  const { corsOrigins, corsCredentials, bodyLimitBytes, requestTimeoutMs, hstsPreload, allowAddresses, denyAddresses } =
    http;
  return {
    limits: { bodyBytes: bodyLimitBytes },
    requestTimeoutMs,
    cors: corsOrigins.length === 0 ? undefined : { origins: corsOrigins, credentials: corsCredentials },
    hstsPreload,
    allowAddresses,
    denyAddresses,
  };
}

function createSinks(
  { audit: { sinkDir, sinkRedisStream: stream } }: AppConfig,
  client: RedisClient | undefined,
): AuditSink[] {
  return [
    ...(sinkDir === undefined ? [] : [new FileSink({ folder: sinkDir })]),
    ...(stream === undefined || client === undefined ? [] : [new RedisStreamSink({ client, stream })]),
  ];
}
