import type { ExecutionContext } from '@nestjs/common';
import type { AdapterRequest } from '../context/index.js';
import type { ThrottleAlgorithm, ThrottleFallback } from './policy.js';
import type {
  Resolvable,
  ThrottlerGenerateKeyFunction,
  ThrottlerGetTrackerFunction,
  ThrottlerLimitDetail,
  ThrottlerOptions,
  ThrottlerStorage,
} from './nestjs-throttler-compat.js';
import type { ThrottleRedis } from './redis.store.js';

/**
 * Who is counted: `address` is the client address, before authentication is paid for; `user` is who has been
 * authenticated; a function names whom it likes, after authentication, and undefined where it has nobody to count.
 * A tier by `user` alone counts those who are nobody by their address.
 *
 * @publicApi
 */
export type ThrottleTracker =
  | 'address'
  | 'user'
  | ((request: AdapterRequest, context: ExecutionContext) => string | undefined | Promise<string | undefined>);

/** A named limit. @publicApi */
export interface ThrottleTierOptions {
  /** Requests, or their cost, within `ttlMs`; a function finds it for each request. */
  limit: Resolvable<number>;
  /** Window, in milliseconds. */
  ttlMs: Resolvable<number>;
  /** How long a refusal bars the client, in milliseconds. @default 0: until the window has room again */
  blockDurationMs?: Resolvable<number>;
  /** @default 'sliding-window' */
  algorithm?: ThrottleAlgorithm;
  /** Several are counted one beside the other. @default 'user' */
  by?: ThrottleTracker | readonly ThrottleTracker[];
  /** What a request costs, a whole number. @default 1 */
  cost?: Resolvable<number>;
  /** Whether it holds every route, not only those that ask. @default true for `default`, false for the others */
  global?: boolean;
  /** Whether all its routes count together, or each for itself. @default 'tier' */
  scope?: 'tier' | 'route';
  /** Counts and reports, and refuses nobody: for trying out a limit. @default false */
  shadow?: boolean;
  /** What holds while the shared store does not answer. @default 'local' */
  fallback?: ThrottleFallback;
  /** Limits of the users of a role; who has several roles gets the highest. Holds for users only. @default none */
  roleLimits?: Readonly<Record<string, number>>;
  /** Limits of the users of a tenant, before those of roles. Holds for users only. @default none */
  tenantLimits?: Readonly<Record<string, number>>;
  /** Requests that are not counted. @default none */
  skipIf?: (context: ExecutionContext) => boolean;
  /** User agents that are not counted; anybody can claim to be one. @default none */
  ignoreUserAgents?: readonly RegExp[];
  /** Whether responses tell of this tier. @default true */
  setHeaders?: boolean;
}

/** Tiers by the path of a route. @publicApi */
export interface ThrottleRouteRule {
  /**
   * Path as RouterModule, controller and handler declare it, without global prefix and version: `*` is one segment, `**`
   * any number. What is compared is the declaration, not the URL, so that no spelling of a URL gets around it.
   */
  path: string;
  /** @default every method */
  methods?: readonly string[];
  /** Tiers that hold the route beside its others. */
  tiers: readonly string[];
}

/** @publicApi */
export interface ThrottlerRedisOptions {
  /** Longest wait for a decision, in milliseconds; then the `fallback` of the tier holds. @default 40 */
  timeoutMs?: number;
  /** Failures in a row after which Redis is left alone until a probe finds it well. @default 3 */
  failures?: number;
  /** Pause before each probe, in milliseconds. @default 1000 */
  probeIntervalMs?: number;
  /** How long a replica repeats a refusal without asking, in milliseconds. @default 5000 */
  blockCacheMs?: number;
  /** Beginning of every key. @default 'bulwark:throttle:' */
  keyPrefix?: string;
}

/** @publicApi */
export interface ThrottlerObjectOptions {
  /**
   * Tiers, by name; the shipped ones are there without being named, and what is named here is laid over them.
   * @default the shipped tiers
   */
  tiers?: Readonly<Record<string, Partial<ThrottleTierOptions>>>;
  /** Throttlers in the shape of @nestjs/throttler. They take the place of the shipped `default` tier. @default none */
  throttlers?: ThrottlerOptions[];
  /** Tiers by path. @default none */
  routes?: readonly ThrottleRouteRule[];
  /**
   * Paths that tiers which hold every route leave alone, as in {@link ThrottleRouteRule.path}; decorators of the route
   * still hold.
   * @default DEFAULT_EXCLUDED_PATHS
   */
  excludePaths?: readonly string[];
  /** Requests that are not counted. @default none */
  skipIf?: (context: ExecutionContext) => boolean;
  /** User agents that are not counted; anybody can claim to be one. @default none */
  ignoreUserAgents?: RegExp[];
  /** Who is counted, in every tier that does not say. @default as the tier says */
  getTracker?: ThrottlerGetTrackerFunction;
  /** What is counted. @default tracker, tier, and where it is counted for itself the route */
  generateKey?: ThrottlerGenerateKeyFunction;
  /** What a refused client is told. @default a sentence with the limit and the wait */
  errorMessage?: string | ((context: ExecutionContext, detail: ThrottlerLimitDetail) => string);
  /** Leading bits of an IPv6 address that stand for one client. @default 64 */
  ipv6SubnetPrefix?: number;
  /** Whether responses tell of the limits. @default true */
  setHeaders?: boolean;
  /** `RateLimit` and `RateLimit-Policy`, as the IETF drafts them. @default true */
  standardHeaders?: boolean;
  /** `X-RateLimit-Limit`, `-Remaining` and `-Reset`. @default true */
  legacyHeaders?: boolean;
  /** The tenant of a request, for `tenantLimits`. @default the one that the caller acts in */
  getTenant?: (request: AdapterRequest) => string | undefined;
  /** A storage made for @nestjs/throttler. @default Redis where RedisModule has one, else memory */
  storage?: ThrottlerStorage;
  /** A client of ioredis; false counts in memory even where RedisModule has one. @default RedisModule's client */
  redis?: ThrottleRedis | false;
  redisOptions?: ThrottlerRedisOptions;
  /** Processes that share the limits; divides them while each counts for itself. @default 1 */
  replicas?: number;
  /** Most keys that a tier counts one by one in memory, at 32 to 90 bytes each. @default 1_000_000 */
  maxKeys?: number;
  /**
   * Whether every route is limited without further guards, addresses before authentication and users after it. Where it
   * is off, put {@link ThrottlerGuard} where limits are to hold, as with @nestjs/throttler.
   * @default true; false where `throttlers` are given
   */
  globalGuards?: boolean;
  /** Failed logins, by account and by address. @default 5 within 15 minutes */
  failedLogins?: FailedLoginOptions;
  /** Routes that list the clients refused most, and let them in again. @default false */
  adminRoutes?: boolean;
  /** Role that the admin routes ask for. @default 'Admin' */
  adminRole?: string;
}

/** @publicApi */
export interface FailedLoginOptions {
  /** Failures that an account may have within `ttlMs`. @default 5 */
  limit?: number;
  /** Failures that an address may have within `ttlMs`. @default the limit of accounts */
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
