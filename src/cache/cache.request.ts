import type { CacheOutcome } from './cache.metrics.js';
import type { ValueCodec } from './value-codec.js';

/** What is to be remembered, and for how long. @publicApi */
export interface CacheRequest {
  /** What is cached, for metrics: a name that the program has, not one that clients choose. */
  readonly name: string;
  /** Tells the results of that name apart. */
  readonly key: string;
  /** How long a result is fresh, in milliseconds; 0 loads it each time. @default `ttlMs` of the module */
  readonly ttlMs?: number;
  /** How long after that it is still given while a new one is loaded, in milliseconds. @default 0 */
  readonly staleWhileRevalidateMs?: number;
  /** How long after being fresh it is given where loading fails, in milliseconds. @default 0 */
  readonly staleIfErrorMs?: number;
  /** How long `null` and `undefined` are remembered, in milliseconds. @default 0: they are not */
  readonly negativeTtlMs?: number;
  /** Names by which {@link CacheService.invalidate} finds it. @default none */
  readonly tags?: readonly string[];
  /** Makes instances of what comes back plain. Without it, results with instances of classes are not cached. */
  readonly revive?: (value: never) => unknown;
  /**
   * Gives all callers one object, frozen to its depth, and not a copy each: a hit then costs the same however large the
   * result is. Of results that JSON can say; others are copied.
   * @default false
   */
  readonly frozen?: boolean;
  /** Another form of what is stored. @default by `revive` @internal */
  readonly codec?: ValueCodec;
  /** Whether a result is remembered for `negativeTtlMs` only. @default for `null` and `undefined` @internal */
  readonly isNothing?: (value: unknown) => boolean;
}

/** @publicApi */
export interface CacheAnswer {
  readonly value: unknown;
  readonly outcome: CacheOutcome;
  /** Age of the result, in milliseconds; 0 where it was loaded for this call. */
  readonly ageMs: number;
  /** How long it is fresh in all, in milliseconds; undefined where it was not stored. */
  readonly ttlMs: number | undefined;
}
