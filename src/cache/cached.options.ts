import type { CacheRequest } from './cache.request.js';
import type { CacheScope } from './partition.js';

/** @publicApi */
export interface CachedOptions {
  /** How long a result is fresh, in milliseconds. @default `ttlMs` of the module */
  ttlMs?: number;
  /**
   * What tells results apart, besides the method and whom they belong to: a text, or a function of the arguments of a
   * method or of the request of a route. Undefined from the function means not to cache.
   * @default all arguments; host and URL of a route
   */
  // oxlint-disable-next-line typescript/no-explicit-any -- the arguments are those of whatever method is decorated
  key?: string | ((...args: any[]) => string | undefined);
  /** Names by which `CacheService.invalidate()` finds it; a function gets what that of `key` gets. @default none */
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  tags?: readonly string[] | ((...args: any[]) => readonly string[]);
  /**
   * Who shares a result. `user`: only the user who asked. `tenant`: the users of a tenant. `public`: all callers, whatever
   * credentials they carry.
   * @default the user, where a guard has checked one; all callers without credentials, on a public route. Nothing is
   * cached for a request with credentials that no guard has checked, and outside of a request.
   */
  scope?: CacheScope;
  /** How long after being fresh a result is still given while a new one is loaded, in milliseconds. @default 0 */
  staleWhileRevalidateMs?: number;
  /** How long after being fresh a result is given where loading fails, in milliseconds. @default 0 */
  staleIfErrorMs?: number;
  /** How long `null` and `undefined` are remembered, in milliseconds. @default 0: they are not */
  negativeTtlMs?: number;
  /** Request headers that the answer of a route depends on. @default none */
  vary?: readonly string[];
  /** How long browsers and proxies may keep a public answer, in milliseconds. @default `ttlMs` without tags, 0 with tags */
  clientTtlMs?: number;
  /** Gives all callers of a method one object, frozen to its depth, and not a copy each. @default false */
  frozen?: boolean;
  /** Makes instances of what comes back plain. Without it, results with instances of classes are not cached. */
  revive?: (value: never) => unknown;
}

export const CACHED = Symbol('bulwark.cached');

/** The part of a request to the cache that does not change from call to call. */
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

/** The tags of one call. */
export function tagsOf({ tags = [] }: CachedOptions, args: readonly unknown[]): readonly string[] {
  return typeof tags === 'function' ? tags(...args) : tags;
}
