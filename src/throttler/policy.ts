import { hashOf } from './key-hash.js';

/** @publicApi */
export type ThrottleAlgorithm = 'sliding-window' | 'fixed-window';

/**
 * What a tier does while the shared store does not answer: `local` counts in this process, `open` allows every request,
 * `closed` refuses every request with 503.
 *
 * @publicApi
 */
export type ThrottleFallback = 'local' | 'open' | 'closed';

/** What a key identifies. Equal keys of different kinds have different counters. @publicApi */
export type TrackerKind = 'address' | 'user' | 'custom';

/** One limit as a store sees it: which counters it has, and how they count. Created at the first request of a route. */
export class Policy {
  /** Mixed into the hash of a key, so that policies of one tier share a table but not their counters. */
  readonly saltA: number;
  readonly saltB: number;
  /** Identifies the counters in all replicas: `tier:scope:kind`. */
  readonly id: string;
  readonly isFixed: boolean;

  constructor(
    /** Name of the tier. */
    readonly name: string,
    /** Index of the tier, which is also the index of its table in memory. */
    readonly tier: number,
    readonly kind: TrackerKind,
    /** The route, where the route has its own counters; otherwise empty. */
    readonly scope: string,
    readonly algorithm: ThrottleAlgorithm = 'sliding-window',
    readonly fallback: ThrottleFallback = 'local',
    /** Whether requests are counted and reported, but never refused. */
    readonly isShadow = false,
  ) {
    this.id = `${name}:${scope}:${kind}`;
    this.isFixed = algorithm === 'fixed-window';
    const { a, b } = hashOf(this.id);
    this.saltA = a;
    this.saltB = b;
  }
}

/** A request as one policy counts it. */
export interface Hit {
  readonly policy: Policy;
  readonly key: string;
  /** A whole number, usually 1. */
  readonly cost: number;
  readonly limit: number;
  readonly windowMs: number;
  /** How long a refusal blocks the key; 0 blocks it only until the window has room. */
  readonly blockMs: number;
}

/** The answer of one policy. */
export interface Verdict {
  readonly allowed: boolean;
  /** The limit that was applied. It is smaller than the limit of the hit where replicas share it. */
  readonly limit: number;
  /** What is left of the limit after this request. */
  readonly remaining: number;
  /** Milliseconds until the window ends. */
  readonly resetMs: number;
  /** Milliseconds until the same request is allowed; 0 where it is allowed. */
  readonly waitMs: number;
}

/** The answer of a store to all hits of a request, in the order of the hits. */
export interface Decision {
  readonly allowed: boolean;
  readonly verdicts: readonly Verdict[];
  /** The shared store does not answer, and the fallback of a tier is `closed`. */
  readonly isUnavailable?: boolean;
  /** Decided in this process, because the shared store did not answer. The shared store has nothing to refund. */
  readonly isLocal?: boolean;
}

/**
 * Counts hits. One call consumes all its hits or none of them: if one policy refuses a request, the others do not count
 * it.
 */
export interface ThrottleStore {
  /** Synchronous where the counters are in memory, so that the hot path has no promise. */
  consume(hits: readonly Hit[]): Decision | Promise<Decision>;
  /** Refunds what a decision consumed. */
  refund(hits: readonly Hit[], decision: Decision): void | Promise<void>;
  /** Deletes the counter of a key, blocked or not. */
  unblock(policy: Policy, key: string): void | Promise<void>;
}

/** The hits that a decision consumed: all hits except those above the limit of a shadow policy. */
export function consumedHits(hits: readonly Hit[], { allowed, verdicts }: Decision): Hit[] {
  return allowed ? hits.filter((_, i) => verdicts[i]?.allowed === true) : [];
}

/** Converts a wait to the whole seconds of a header, rounded up. */
export function toSeconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000);
}

const { timeOrigin } = performance;

/** Milliseconds of a clock that never goes back, unlike the system clock. */
export function monotonicNow(): number {
  return Math.floor(timeOrigin + performance.now());
}
