import type { ExecutionContext } from '@nestjs/common';
import type {
  Resolvable,
  ThrottlerModuleOptions as StockThrottlerModuleOptions,
  ThrottlerOptions,
} from '@nestjs/throttler';
import type { AdapterRequest } from '../context/index.js';
import type { ThrottleAlgorithm, ThrottleFallback } from './policy.js';
import type { ThrottleRedis } from './redis.store.js';

/**
 * Who is counted: `address` is the client address, and it is counted before authentication. `user` is the authenticated
 * user. A function runs after authentication and returns a key; if it returns undefined, the request is not counted.
 * A tier that counts only by `user` counts requests without a user by their address.
 *
 * @publicApi
 */
export type ThrottleTracker =
  | 'address'
  | 'user'
  | ((request: AdapterRequest, context: ExecutionContext) => string | undefined | Promise<string | undefined>);

/** A named limit. @publicApi */
export interface ThrottleTierOptions {
  /** Requests, or their cost, within `ttlMs`. A function returns the limit of each request. */
  limit: Resolvable<number>;
  /** Window, in milliseconds. */
  ttlMs: Resolvable<number>;
  /** How long a client stays blocked after a refusal, in milliseconds. @default 0: until the window has room again */
  blockDurationMs?: Resolvable<number>;
  /** @default 'sliding-window' */
  algorithm?: ThrottleAlgorithm;
  /** Who is counted. Several trackers are counted independently. @default 'user' */
  by?: ThrottleTracker | readonly ThrottleTracker[];
  /** What a request costs, a whole number. @default 1 */
  cost?: Resolvable<number>;
  /** Whether the tier applies to every route, not only to routes that name it. @default true for `default`, else false */
  global?: boolean;
  /** Whether all routes of the tier share one counter, or each route has its own. @default 'tier' */
  scope?: 'tier' | 'route';
  /** Counts and reports, but refuses no request. For trying out a limit. @default false */
  shadow?: boolean;
  /** What applies while the shared store does not answer. @default 'local' */
  fallback?: ThrottleFallback;
  /** Limits by role. A user with several roles gets the highest. Only applies to authenticated users. @default none */
  roleLimits?: Readonly<Record<string, number>>;
  /** Limits by tenant; they override `roleLimits`. Only applies to authenticated users. @default none */
  tenantLimits?: Readonly<Record<string, number>>;
  /** Requests that are not counted. @default none */
  skipIf?: ThrottlerOptions['skipIf'];
  /** User agents that are not counted. Any client can send such a user agent. @default none */
  ignoreUserAgents?: readonly RegExp[];
  /** Whether responses have rate limit headers for this tier. @default true */
  setHeaders?: boolean;
}

/** Tiers by the path of a route. @publicApi */
export interface ThrottleRouteRule {
  /**
   * Path as RouterModule, controller and handler declare it, without global prefix and version: `*` is one segment, `**`
   * any number of segments. It is compared with the declaration, not with the URL, so that no spelling of a URL avoids it.
   */
  path: string;
  /** HTTP methods. @default every method */
  methods?: readonly string[];
  /** Tiers that apply to the route in addition to its others. */
  tiers: readonly string[];
}

/** @publicApi */
export interface ThrottlerRedisOptions {
  /** Maximum wait for a decision, in milliseconds. After it the `fallback` of the tier applies. @default 40 */
  timeoutMs?: number;
  /** Consecutive failures after which Redis is not used until a probe succeeds. @default 3 */
  failures?: number;
  /** Pause before each probe, in milliseconds. @default 1000 */
  probeIntervalMs?: number;
  /** How long a replica repeats a refusal without asking Redis, in milliseconds. @default 5000 */
  blockCacheMs?: number;
  /** Prefix of every key. @default 'bulwark:throttle:' */
  keyPrefix?: string;
}

/** The options of @nestjs/throttler in the form of an object. */
type StockOptions = Partial<Exclude<StockThrottlerModuleOptions, unknown[]>>;

/** @publicApi */
export interface ThrottlerObjectOptions extends StockOptions {
  /**
   * Tiers by name. They are merged over the default tiers: a tier named here changes the default tier of that name.
   * @default DEFAULT_TIERS
   */
  tiers?: Readonly<Record<string, Partial<ThrottleTierOptions>>>;
  /** Throttlers of @nestjs/throttler. They replace the tier `default`. @default none */
  throttlers?: ThrottlerOptions[];
  /** Tiers by path. @default none */
  routes?: readonly ThrottleRouteRule[];
  /**
   * Paths to which global tiers do not apply, written as in {@link ThrottleRouteRule.path}. Decorators of the route still
   * apply.
   * @default DEFAULT_EXCLUDED_PATHS
   */
  excludePaths?: readonly string[];
  /** Requests that are not counted. @default none */
  skipIf?: StockOptions['skipIf'];
  /** User agents that are not counted. Any client can send such a user agent. @default none */
  ignoreUserAgents?: StockOptions['ignoreUserAgents'];
  /** Who is counted, in every tier that does not define it. @default `by` of the tier */
  getTracker?: StockOptions['getTracker'];
  /** The key of a counter. @default tracker, tier, and the route where it has its own counter */
  generateKey?: StockOptions['generateKey'];
  /** The `detail` of the problem document of a refused request. @default a sentence with the limit and the wait */
  errorMessage?: StockOptions['errorMessage'];
  /** Prefix length, in bits, of the IPv6 network that counts as one client. @default 64 */
  ipv6SubnetPrefix?: number;
  /** Whether responses have rate limit headers. @default true */
  setHeaders?: boolean;
  /** Whether responses have `RateLimit` and `RateLimit-Policy`, as in the IETF draft. @default true */
  standardHeaders?: boolean;
  /** Whether responses have `X-RateLimit-Limit`, `-Remaining` and `-Reset`. @default true */
  legacyHeaders?: boolean;
  /** The tenant of a request, for `tenantLimits`. @default the tenant of the user */
  getTenant?: (request: AdapterRequest) => string | undefined;
  /** A storage written for @nestjs/throttler. @default Redis where RedisModule provides a client, else memory */
  storage?: StockOptions['storage'];
  /** A client of ioredis. `false` counts in memory even where RedisModule has one. @default the client of RedisModule */
  redis?: ThrottleRedis | false;
  redisOptions?: ThrottlerRedisOptions;
  /** Processes that share the limits. While each process counts by itself, limits are divided by it. @default 1 */
  replicas?: number;
  /** Maximum keys that a tier counts individually in memory, at 32 to 90 bytes each. @default 1_000_000 */
  maxKeys?: number;
  /**
   * Whether the module limits every route itself: addresses before authentication, users after it. If false, put
   * {@link ThrottlerGuard} where limits apply, as with @nestjs/throttler.
   * @default true; false where `throttlers` are given
   */
  globalGuards?: boolean;
  /** Limits of failed logins, by account and by address. @default 5 within 15 minutes */
  failedLogins?: FailedLoginOptions;
  /** Routes that list and unblock the clients that are refused most. @default false */
  adminRoutes?: boolean;
  /** Role that the admin routes require. @default 'Admin' */
  adminRole?: string;
}

/** @publicApi */
export interface FailedLoginOptions {
  /** Failed logins that an account may have within `ttlMs`. @default 5 */
  limit?: number;
  /** Failed logins that an address may have within `ttlMs`. @default `limit` */
  addressLimit?: number;
  /** Window, in milliseconds. @default 900_000 */
  ttlMs?: number;
}

/** @publicApi */
export type ThrottlerModuleOptions = ThrottlerOptions[] | ThrottlerObjectOptions;

/** @publicApi */
export interface ThrottlerOptionsFactory {
  createThrottlerOptions(): Promise<ThrottlerModuleOptions> | ThrottlerModuleOptions;
}
