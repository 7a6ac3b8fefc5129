import type { CacheOutcome } from './cache.metrics.js';
import type { ValueCodec } from './value-codec.js';

/** What to cache, and for how long. @publicApi */
export interface CacheRequest {
  /** Name of the method, for metrics. It must not come from clients. */
  readonly name: string;
  /** Identifies one result of this name. */
  readonly key: string;
  /** How long a result is fresh, in milliseconds. With 0 each call loads it. @default `ttlMs` of the module */
  readonly ttlMs?: number;
  /** How long a stale result is still returned while a new one is loaded, in milliseconds. @default 0 */
  readonly staleWhileRevalidateMs?: number;
  /** How long a stale result is returned if the load fails, in milliseconds. @default 0 */
  readonly staleIfErrorMs?: number;
  /** How long `null` and `undefined` are cached, in milliseconds. @default 0: they are not cached */
  readonly negativeTtlMs?: number;
  /** Tags by which {@link CacheService.invalidate} finds the result. @default none */
  readonly tags?: readonly string[];
  /** Turns the plain cached value into instances again. Without it, results with instances of classes are not cached. */
  readonly revive?: (value: never) => unknown;
  /**
   * Returns the same deeply frozen object to all callers instead of a copy to each, so that the cost of a hit does not
   * depend on the size of the result. Results that JSON cannot represent are still copied.
   * @default false
   */
  readonly frozen?: boolean;
  /** How the result is stored. @default a codec that uses `revive` @internal */
  readonly codec?: ValueCodec;
  /** Whether a result is cached for `negativeTtlMs` only. @default true for `null` and `undefined` @internal */
  readonly isNothing?: (value: unknown) => boolean;
}

/** @publicApi */
export interface CacheAnswer {
  readonly value: unknown;
  readonly outcome: CacheOutcome;
  /** Age of the result, in milliseconds; 0 if it was loaded for this call. */
  readonly ageMs: number;
  /** How long the result is fresh after its load, in milliseconds; undefined if it was not stored. */
  readonly ttlMs: number | undefined;
}
