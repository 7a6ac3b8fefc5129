import type { AuditSettings } from '../../audit/index.js';
import type { AuthSettings } from '../../auth/index.js';
import type { AppConfig } from '../../config/index.js';
import type { DatabaseSettings } from '../../database/index.js';
import type { RedisModuleOptions } from '../../redis/index.js';
import type { ShutdownSettings } from '../../shutdown/index.js';
import type { ThrottlerSettings } from '../../throttler/index.js';

/** A limit. Undefined if a function of the application returns it. */
export interface TierFacts {
  readonly limit: number | undefined;
  readonly ttlMs: number | undefined;
}

/** How mails are sent. */
export interface MailFacts {
  readonly url?: string | undefined;
  readonly requireTls: boolean;
  /** Whether the application sends them by a class of its own. */
  readonly isCustom?: boolean;
}

/** The settings that the rules judge. The settings of a module are undefined if the application does not import it. */
export interface ConfigurationFacts {
  readonly isProduction: boolean;
  readonly mode: string;
  readonly http: {
    readonly host: string | undefined;
    /** Undefined if it is unknown. */
    readonly trustProxy: number | readonly (string | number)[] | boolean | undefined;
  };
  readonly security: { readonly corsOrigins: readonly string[]; readonly bodyLimitBytes: number } | undefined;
  readonly auth:
    | Pick<
        AuthSettings,
        | 'secret'
        | 'privateKey'
        | 'keysFile'
        | 'accessTtlMs'
        | 'refreshTtlMs'
        | 'sessionCheck'
        | 'bcryptCost'
        | 'pepper'
        | 'admin'
      >
    | undefined;
  readonly mail: MailFacts | undefined;
  readonly database: Pick<DatabaseSettings, 'url' | 'statementTimeoutMs'> | undefined;
  readonly redis: Pick<RedisModuleOptions, 'url'> | undefined;
  readonly metrics: { readonly token: string | undefined } | undefined;
  readonly throttle: { readonly default: TierFacts | undefined; readonly auth: TierFacts | undefined } | undefined;
  readonly throttling: { readonly failedLogins: ThrottlerSettings['failedLogins'] } | undefined;
  readonly audit: Pick<AuditSettings, 'sealSecret' | 'journalDir'> | undefined;
  /** Undefined if the application has a logger of its own. */
  readonly log: { readonly level: string } | undefined;
  readonly shutdown: Pick<ShutdownSettings, 'drainDelayMs' | 'timeoutMs'> | undefined;
}

/** The settings of an application that takes all of them from the environment. */
export function readFactsOfConfig(config: AppConfig): ConfigurationFacts {
  const { isProduction, mode, http, auth, mail, database, redis, metrics, throttle, audit, log, shutdown } = config;
  const { failedLogins } = config.throttling;
  return {
    isProduction,
    mode,
    http,
    security: { corsOrigins: http.corsOrigins, bodyLimitBytes: http.bodyLimitBytes },
    auth,
    mail,
    database,
    redis,
    metrics,
    throttle,
    throttling: { failedLogins: { addressLimit: failedLogins.limit, ...failedLogins } },
    audit,
    log,
    shutdown,
  };
}
