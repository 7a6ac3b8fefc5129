import type { Principal } from '../context/index.js';
import type { CacheRedis } from './redis.tier.js';

/** @publicApi */
export interface CacheRedisOptions {
  /** Longest wait for one answer, in milliseconds; then this process goes on by itself. @default 40 */
  timeoutMs?: number;
  /** Failures in a row after which Redis is left alone until a probe finds it well. @default 3 */
  failures?: number;
  /** Pause before each probe, in milliseconds. @default 1000 */
  probeIntervalMs?: number;
}

/** @publicApi */
export interface CacheModuleOptions {
  /** How long a result is fresh where `@Cached()` does not say, in milliseconds. @default 60_000 */
  ttlMs?: number;
  /** Most entries in the memory of this process. @default 10_000 */
  maxEntries?: number;
  /** Most bytes that these entries take. @default 64 MiB */
  maxBytes?: number;
  /** Longest entry, in characters as it is stored; a longer result is not cached. @default 1_048_576 */
  maxEntryLength?: number;
  /** Part of its life that an entry may lose by chance, so that what was stored together does not end together. @default 0.1 */
  jitter?: number;
  /** How long newcomers wait for a load that another caller began, in milliseconds; then they load for themselves. @default 10_000 */
  flightMs?: number;
  /** How long one replica keeps the others from loading the same, in milliseconds; 0 lets each load for itself. @default 5000 */
  lockMs?: number;
  /** The tenant that a principal belongs to. @default its property `tenantId` */
  tenantOf?: (principal: Principal) => string | undefined;
  /**
   * Further request headers that tell callers apart, such as `X-Device-Token`. A request with one of them that no guard has
   * checked shares no result, unless `scope` says so. @default the usual ones: `Authorization`, `Cookie`, `X-Api-Key` and
   * others
   */
  credentialHeaders?: readonly string[];
  /** A client of ioredis; false keeps to memory even where RedisModule has one. @default RedisModule's client */
  redis?: CacheRedis | false;
  redisOptions?: CacheRedisOptions;
  /** Beginning of every key and channel in Redis. @default 'bulwark:cache:' */
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

/** @throws TypeError that names the option and what it takes */
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
