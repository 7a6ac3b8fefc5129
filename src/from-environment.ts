import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Logger } from '@nestjs/common';
import { FileDigestStore, FileSink, S3DigestStore, type AuditModuleOptions } from './audit/index.js';
import {
  FileMailSender,
  LogMailSender,
  PwnedPasswords,
  SmtpMailSender,
  type AuthModuleOptions,
  type MailSender,
} from './auth/index.js';
import type { BulwarkOptions, ModuleName } from './bulwark.options.js';
import { developmentSecret, loadConfig, readEnvironment, type AppConfig, type Environment } from './config/index.js';
import type { SecurityModuleOptions } from './security/index.js';

/**
 * The options of all modules, as the environment variables of `.env.example` set them.
 *
 * @param env @default the process environment, with `.env` beneath it outside production
 * @throws ConfigError that lists every invalid variable
 * @publicApi
 */
export function fromEnvironment(env: Environment = readEnvironment()): BulwarkOptions {
  const { config, warnings } = loadConfig(env);
  for (const warning of warnings) new Logger('Config').warn(warning);
  return createOptions(config);
}

/** The options of all modules, as a configuration sets them. */
export function createOptions(config: AppConfig): BulwarkOptions {
  const { authorization, throttling, http, productionTest, isProduction } = config;
  const without: ModuleName[] = productionTest.enabled ? [] : ['productionTest'];
  return {
    config,
    without,
    shutdown: config.shutdown,
    observability: { metricsToken: config.metrics.token, metricsOpen: !isProduction },
    database: config.database,
    redis: config.redis,
    cache: config.cache,
    conventions: { cursorSecret: getCursorSecret(config) },
    health: { detailsToken: config.metrics.token },
    ...(http.managementPort !== undefined && {
      management: { port: http.managementPort, host: http.managementHost },
    }),
    security: createSecurityOptions(config),
    throttler: {
      tiers: config.throttle,
      failedLogins: throttling.failedLogins,
      replicas: throttling.replicas,
      redisOptions: { timeoutMs: throttling.redisTimeoutMs },
      adminRoutes: true,
    },
    // Without a roles file, an application can import AuthorizationModule itself.
    ...(authorization.rolesFile !== undefined && { authorization }),
    auth: createAuthOptions(config),
    audit: createAuditOptions(config),
    productionTest: { adminOnly: isProduction, timeoutMs: productionTest.timeoutMs },
  };
}

/** Options of AuditModule. */
export function createAuditOptions({ audit }: AppConfig): AuditModuleOptions & { redisStream?: string } {
  const { digestDir, digestBucket, sinkDir, sinkRedisStream, ...options } = audit;
  return {
    ...options,
    digests: digestBucket === undefined ? new FileDigestStore(digestDir) : new S3DigestStore(digestBucket),
    sinks: sinkDir === undefined ? [] : [new FileSink({ folder: sinkDir })],
    ...(sinkRedisStream !== undefined && { redisStream: sinkRedisStream }),
  };
}

/** Options of AuthModule. */
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
  const { corsOrigins, corsCredentials, bodyLimitBytes, hstsPreload, allowAddresses, denyAddresses } = http;
  return {
    limits: { bodyBytes: bodyLimitBytes },
    cors: corsOrigins.length === 0 ? undefined : { origins: corsOrigins, credentials: corsCredentials },
    hstsPreload,
    allowAddresses,
    denyAddresses,
  };
}
