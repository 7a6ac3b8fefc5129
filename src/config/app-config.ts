import { join } from 'node:path';
import { mailConnection, requiresTls } from './transport-security.js';
import { THROTTLE_TIERS, type ThrottleTierName, type Variables } from './variables.js';

/** A limit of `limit` requests in a window of `ttlMs` milliseconds. */
export interface TierLimit {
  readonly limit: number;
  readonly ttlMs: number;
}

/** Each key of several in one text. */
const PEM = /-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g;

/**
 * The configuration of the reference application: every variable parsed, grouped by the module that reads it, frozen.
 * Durations are milliseconds, sizes bytes.
 *
 * @publicApi
 */
export class AppConfig {
  readonly mode: Variables['NODE_ENV'];
  readonly isProduction: boolean;
  readonly http: Readonly<{
    /** Address to listen on. */
    host: string;
    port: number;
    /** Unset: operators' routes are on `port`. */
    managementPort: number | undefined;
    /** Address that `managementPort` listens on. */
    managementHost: string;
    adapter: Variables['HTTP_ADAPTER'];
    trustProxy: Variables['TRUST_PROXY'];
    bodyLimitBytes: number;
    corsOrigins: readonly string[];
    corsCredentials: boolean;
    hstsPreload: boolean;
    allowAddresses: readonly string[];
    denyAddresses: readonly string[];
  }>;
  readonly database: Readonly<{
    /** Unset: the embedded server under `dataDir`. */
    url: string | undefined;
    /** Unset: `url` migrates as well. */
    migrationUrl: string | undefined;
    dataDir: string;
    poolMin: number;
    poolMax: number;
    connectTimeoutMs: number;
    statementTimeoutMs: number;
    idleInTransactionTimeoutMs: number;
    startTimeoutMs: number;
  }>;
  readonly redis: Readonly<{ url: string | undefined; commandTimeoutMs: number }>;
  readonly auth: Readonly<{
    secret: string | undefined;
    privateKey: string | undefined;
    keysFile: string | undefined;
    accessTtlMs: number;
    refreshTtlMs: number;
    sessionMaxTtlMs: number;
    retentionMs: number;
    recentAuthenticationMs: number;
    registration: Variables['AUTH_REGISTRATION'];
    emailVerification: Variables['AUTH_EMAIL_VERIFICATION'];
    encryptionKeys: readonly string[];
    refreshGraceMs: number;
    sessionCheck: Variables['AUTH_SESSION_CHECK'];
    deviceCookies: boolean;
    tokenCacheSize: number;
    profileTtlMs: number;
    /** Unset: tokens are in bodies only. */
    cookies: Readonly<{ sameSite: 'strict' | 'lax'; trustedOrigins: readonly string[] }> | undefined;
    bcryptCost: number;
    passwordProfile: Variables['PASSWORD_PROFILE'];
    pepper: string | undefined;
    admin: Readonly<{ email: string; password: string }> | undefined;
  }>;
  readonly authorization: Readonly<{ rolesFile: string | undefined }>;
  readonly breachedPasswords: Readonly<{ url: string | undefined; timeoutMs: number }>;
  readonly mail: Readonly<{
    url: string | undefined;
    from: string;
    caFile: string | undefined;
    /** Whether a server that offers no TLS is refused. */
    requireTls: boolean;
  }>;
  readonly throttle: Readonly<Record<ThrottleTierName, TierLimit>>;
  readonly throttling: Readonly<{ failedLogins: TierLimit; replicas: number; redisTimeoutMs: number }>;
  readonly cache: Readonly<{ maxBytes: number }>;
  readonly conventions: Readonly<{ cursorSecret: string | undefined }>;
  readonly audit: Readonly<{
    batchSize: number;
    flushIntervalMs: number;
    journalDir: string;
    journalMaxBytes: number;
    requests: Variables['AUDIT_API_REQUESTS'];
    sinkDir: string | undefined;
    sinkRedisStream: string | undefined;
    sealSecret: string | undefined;
    oldSealSecrets: readonly string[];
    signingKey: string | undefined;
    oldSigningKeys: readonly string[];
    digestIntervalMs: number;
    digestDir: string;
    /** Takes the place of `digestDir`. */
    digestBucket: string | undefined;
    logId: string | undefined;
    adoptDigests: boolean;
    retentionDays: number | undefined;
  }>;
  readonly shutdown: Readonly<{ drainDelayMs: number; timeoutMs: number }>;
  readonly log: Readonly<{ level: Variables['LOG_LEVEL'] }>;
  readonly metrics: Readonly<{ token: string | undefined }>;
  readonly productionTest: Readonly<{ enabled: boolean; timeoutMs: number }>;

  constructor(values: Variables) {
    const isProduction = values.NODE_ENV === 'production';
    this.mode = values.NODE_ENV;
    this.isProduction = isProduction;
    this.http = {
      host: values.HOST ?? (isProduction ? '0.0.0.0' : '127.0.0.1'),
      port: values.PORT,
      managementPort: values.MANAGEMENT_PORT,
      managementHost: values.MANAGEMENT_HOST ?? (isProduction ? '0.0.0.0' : '127.0.0.1'),
      adapter: values.HTTP_ADAPTER,
      trustProxy: values.TRUST_PROXY,
      bodyLimitBytes: values.BODY_LIMIT,
      corsOrigins: values.CORS_ORIGINS,
      corsCredentials: values.CORS_CREDENTIALS,
      hstsPreload: values.HSTS_PRELOAD,
      allowAddresses: values.IP_ALLOW,
      denyAddresses: values.IP_DENY,
    };
    this.database = {
      url: values.DATABASE_URL,
      migrationUrl: values.DATABASE_MIGRATION_URL,
      dataDir: values.DATA_DIR,
      poolMin: values.DATABASE_POOL_MIN,
      poolMax: values.DATABASE_POOL_MAX,
      connectTimeoutMs: values.DATABASE_CONNECT_TIMEOUT,
      statementTimeoutMs: values.DATABASE_STATEMENT_TIMEOUT,
      idleInTransactionTimeoutMs: values.DATABASE_IDLE_IN_TRANSACTION_TIMEOUT,
      startTimeoutMs: values.DATABASE_START_TIMEOUT,
    };
    this.redis = { url: values.REDIS_URL, commandTimeoutMs: values.REDIS_COMMAND_TIMEOUT };
    this.auth = {
      secret: values.JWT_SECRET,
      privateKey: values.JWT_PRIVATE_KEY,
      keysFile: values.JWT_KEYS_FILE,
      accessTtlMs: values.JWT_ACCESS_TTL,
      refreshTtlMs: values.JWT_REFRESH_TTL,
      sessionMaxTtlMs: values.SESSION_MAX_TTL,
      retentionMs: values.AUTH_RETENTION,
      recentAuthenticationMs: values.AUTH_RECENT_LOGIN,
      registration: values.AUTH_REGISTRATION,
      emailVerification: values.AUTH_EMAIL_VERIFICATION,
      encryptionKeys: values.AUTH_ENCRYPTION_KEYS,
      refreshGraceMs: values.JWT_REFRESH_GRACE,
      sessionCheck: values.AUTH_SESSION_CHECK,
      deviceCookies: values.AUTH_DEVICE_COOKIES,
      tokenCacheSize: values.AUTH_TOKEN_CACHE_SIZE,
      profileTtlMs: values.CACHE_PROFILE_TTL,
      cookies:
        values.AUTH_COOKIES === 'off'
          ? undefined
          : { sameSite: values.AUTH_COOKIES, trustedOrigins: values.CORS_CREDENTIALS ? values.CORS_ORIGINS : [] },
      bcryptCost: values.BCRYPT_COST,
      passwordProfile: values.PASSWORD_PROFILE,
      pepper: values.PASSWORD_PEPPER,
      admin:
        values.ADMIN_EMAIL && values.ADMIN_PASSWORD
          ? { email: values.ADMIN_EMAIL, password: values.ADMIN_PASSWORD }
          : undefined,
    };
    this.authorization = { rolesFile: values.ROLES_FILE };
    this.breachedPasswords = { url: values.BREACHED_PASSWORDS_URL, timeoutMs: values.BREACHED_PASSWORDS_TIMEOUT };
    this.mail = {
      url: values.MAIL_URL,
      from: values.MAIL_FROM,
      caFile: values.MAIL_CA_FILE,
      requireTls:
        values.MAIL_URL !== undefined && requiresTls(values.MAIL_TLS, isProduction, mailConnection(values.MAIL_URL)),
    };
    this.throttle = tierLimits(values);
    this.throttling = {
      failedLogins: { limit: values.THROTTLE_FAILED_LOGIN_LIMIT, ttlMs: values.THROTTLE_FAILED_LOGIN_TTL },
      replicas: values.THROTTLE_REPLICAS,
      redisTimeoutMs: values.THROTTLE_REDIS_TIMEOUT,
    };
    this.cache = { maxBytes: values.CACHE_MAX_SIZE };
    this.conventions = { cursorSecret: values.CURSOR_SECRET };
    this.audit = {
      batchSize: values.AUDIT_BATCH_SIZE,
      flushIntervalMs: values.AUDIT_FLUSH_INTERVAL,
      journalDir: values.AUDIT_JOURNAL_DIR ?? join(values.DATA_DIR, 'audit-journal'),
      journalMaxBytes: values.AUDIT_JOURNAL_MAX_SIZE,
      requests: values.AUDIT_API_REQUESTS,
      sinkDir: values.AUDIT_SINK_DIR,
      sinkRedisStream: values.AUDIT_SINK_REDIS_STREAM,
      sealSecret: values.AUDIT_SEAL_SECRET,
      oldSealSecrets: values.AUDIT_SEAL_OLD_SECRETS,
      signingKey: values.AUDIT_SIGNING_KEY,
      oldSigningKeys: values.AUDIT_SIGNING_OLD_KEYS.match(PEM) ?? [],
      digestIntervalMs: values.AUDIT_DIGEST_INTERVAL,
      digestDir: values.AUDIT_DIGEST_DIR ?? join(values.DATA_DIR, 'audit-digests'),
      digestBucket: values.AUDIT_DIGEST_BUCKET,
      logId: values.AUDIT_LOG_ID,
      adoptDigests: values.AUDIT_DIGEST_ADOPT,
      retentionDays: values.AUDIT_RETENTION_DAYS,
    };
    this.shutdown = {
      drainDelayMs: values.SHUTDOWN_DRAIN_DELAY ?? (isProduction ? 5_000 : 0),
      timeoutMs: values.SHUTDOWN_TIMEOUT,
    };
    this.log = { level: values.LOG_LEVEL };
    this.metrics = { token: values.METRICS_TOKEN };
    this.productionTest = {
      enabled: values.PRODUCTION_TEST_ENABLED ?? !isProduction,
      timeoutMs: values.PRODUCTION_TEST_TIMEOUT,
    };
    deepFreeze(this);
  }
}

function tierLimits(values: Variables): Record<ThrottleTierName, TierLimit> {
  const tiers = Object.keys(THROTTLE_TIERS) as ThrottleTierName[];
  const entries = tiers.map((tier) => {
    const name = `THROTTLE_${tier.toUpperCase() as Uppercase<ThrottleTierName>}` as const;
    return [tier, { limit: values[`${name}_LIMIT`], ttlMs: values[`${name}_TTL`] }] as const;
  });
  return Object.fromEntries(entries) as Record<ThrottleTierName, TierLimit>;
}

function deepFreeze(value: object): void {
  Object.freeze(value);
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner as object);
  }
}
