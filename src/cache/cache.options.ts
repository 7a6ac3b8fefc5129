import type { Principal } from '../context/index.js';
import type { CacheRedis } from './redis.tier.js';

/** @publicApi */
export interface CacheRedisOptions {
  /** Longest wait for one answer, in milliseconds. After that this process continues without Redis. @default 40 */
  timeoutMs?: number;
  /** Failures in a row after which Redis is not used until a probe succeeds. @default 3 */
  failures?: number;
  /** Pause before each probe, in milliseconds. @default 1000 */
  probeIntervalMs?: number;
}

/** @publicApi */
export interface CacheModuleOptions {
  /** How long a result is fresh if `@Cached()` does not define it, in milliseconds. @default 60_000 */
  ttlMs?: number;
  /** Most entries in the memory of this process. @default 10_000 */
  maxEntries?: number;
  /** Largest total size of these entries, in bytes. @default 64 MiB */
  maxBytes?: number;
  /** Longest entry in its stored form, in characters. A longer result is not cached. @default 1_048_576 */
  maxEntryLength?: number;
  /** Largest random reduction of a lifetime, as a fraction. Entries stored together then expire apart. @default 0.1 */
  jitter?: number;
  /**
   * How long callers join a load that another caller began, in milliseconds. Later callers load themselves.
   * @default 10_000
   */
  flightMs?: number;
  /** How long one replica locks a load for the others, in milliseconds. With 0 each replica loads itself. @default 5000 */
  lockMs?: number;
  /** Returns the tenant of a principal. @default its property `tenantId` */
  tenantOf?: (principal: Principal) => string | undefined;
  /**
   * Names of further request headers that identify callers, such as `X-Device-Token`. If a request has one of them and no
   * guard has checked the caller, its result is not shared, unless `scope` allows it.
   * @default the usual headers: `Authorization`, `Cookie`, `X-Api-Key` and others
   */
  credentialHeaders?: readonly string[];
  /** A client of ioredis. With false only memory is used, even with RedisModule. @default the client of RedisModule */
  redis?: CacheRedis | false;
  redisOptions?: CacheRedisOptions;
  /** Prefix of every key and channel in Redis. @default 'bulwark:cache:' */
  keyPrefix?: string;
}

export type CacheSettings = Readonly<
  Required<Omit<CacheModuleOptions, 'redis' | 'redisOptions'>> & {
    redis: CacheRedis | false | undefined;
    redisOptions: Required<CacheRedisOptions>;
  }
>;

export const CACHE_OPTIONS = Symbol('bulwark.cacheOptions');
export const CACHE_SETTINGS = Symbol('bulwark.cacheSettings');

/** @throws TypeError that names the option and its allowed values */
export function cacheSettings(options: CacheModuleOptions): CacheSettings {
  const settings = {
    ttlMs: options.ttlMs ?? 60_000,
    maxEntries: options.maxEntries ?? 10_000,
    maxBytes: options.maxBytes ?? 64 * 1024 * 1024,
    maxEntryLength: options.maxEntryLength ?? 1_048_576,
    jitter: options.jitter ?? 0.1,
    flightMs: options.flightMs ?? 10_000,
    lockMs: options.lockMs ?? 5_000,
    tenantOf: options.tenantOf ?? ((principal: Principal) => principal.tenantId),
    credentialHeaders: (options.credentialHeaders ?? []).map((name) => name.toLowerCase()),
    redis: options.redis,
    redisOptions: {
      timeoutMs: options.redisOptions?.timeoutMs ?? 40,
      failures: options.redisOptions?.failures ?? 3,
      probeIntervalMs: options.redisOptions?.probeIntervalMs ?? 1_000,
    },
    keyPrefix: options.keyPrefix ?? 'bulwark:cache:',
  };
  for (const name of ['ttlMs', 'maxEntries', 'maxBytes', 'maxEntryLength', 'flightMs'] as const) {
    if (!(settings[name] > 0)) throw new TypeError(`The option ${name} is ${settings[name]}; give a number above 0.`);
  }
  if (!(settings.jitter >= 0 && settings.jitter < 1)) {
    throw new TypeError(`The option jitter is ${settings.jitter}; give a number from 0 to below 1.`);
  }
  return Object.freeze(settings);
}
