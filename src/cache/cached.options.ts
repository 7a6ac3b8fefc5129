import type { CacheRequest } from './cache.request.js';
import type { CacheScope } from './partition.js';

/** @publicApi */
export interface CachedOptions {
  /** How long a result is fresh, in milliseconds. With 0 each call loads it. @default `ttlMs` of the module */
  ttlMs?: number;
  /**
   * Identifies one result of the method for one group of callers: a text, or a function of the arguments of the method or
   * of the request of the route. If the function returns undefined, the result is not cached.
   * @default all arguments of a method; host and URL of a route
   */
  // oxlint-disable-next-line typescript/no-explicit-any -- the arguments depend on the decorated method
  key?: string | ((...args: any[]) => string | undefined);
  /** Tags by which `CacheService.invalidate()` finds the result, or a function like that of `key`. @default none */
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  tags?: readonly string[] | ((...args: any[]) => readonly string[]);
  /**
   * Callers that share a result. `user`: only the same user. `tenant`: the users of a tenant. `public`: all callers,
   * with any credentials or none.
   * @default the same user, if a guard has checked the caller; on a public route, all callers without credentials. Nothing
   * is cached if no guard has checked the credentials of the request, or outside of a request.
   */
  scope?: CacheScope;
  /** How long a stale result is still returned while a new one is loaded, in milliseconds. @default 0 */
  staleWhileRevalidateMs?: number;
  /** How long a stale result is returned if the load fails, in milliseconds. @default 0 */
  staleIfErrorMs?: number;
  /** How long `null` and `undefined` are cached, in milliseconds. @default 0: they are not cached */
  negativeTtlMs?: number;
  /** Request headers on which the response of a route depends. @default none */
  vary?: readonly string[];
  /** How long HTTP caches may store a public response, in milliseconds. @default `ttlMs` without tags, 0 with tags */
  clientTtlMs?: number;
  /** Returns the same deeply frozen object to all callers of a method instead of a copy to each. @default false */
  frozen?: boolean;
  /** Turns the plain cached value into instances again. Without it, results with instances of classes are not cached. */
  revive?: (value: never) => unknown;
}

export const CACHED = Symbol('bulwark.cached');

/** The request to the cache for one call. */
export function requestOf(name: string, key: string, options: CachedOptions, tags: readonly string[]): CacheRequest {
  return {
    name,
    key,
    tags,
    ttlMs: options.ttlMs,
    staleWhileRevalidateMs: options.staleWhileRevalidateMs,
    staleIfErrorMs: options.staleIfErrorMs,
    negativeTtlMs: options.negativeTtlMs,
    revive: options.revive,
    frozen: options.frozen,
  };
}

/** The tags for one call. */
export function tagsOf({ tags = [] }: CachedOptions, args: readonly unknown[]): readonly string[] {
  return typeof tags === 'function' ? tags(...args) : tags;
}
