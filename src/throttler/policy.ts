import { hashOf } from './key-hash.js';

/** @publicApi */
export type ThrottleAlgorithm = 'sliding-window' | 'fixed-window';

/**
 * What holds a tier while the shared store does not answer: `local` counts in this process, `open` lets through,
 * `closed` refuses with 503.
 *
 * @publicApi
 */
export type ThrottleFallback = 'local' | 'open' | 'closed';

/** What a key names. Keys of different kinds never meet, though they be spelt alike. */
export type TrackerKind = 'address' | 'user' | 'custom';

/** One limit as a store sees it: whose counters it has, and how they count. Made once, when a route is first asked for. */
export class Policy {
  /** Mixed into the hash of a key, so that policies of one tier share a table without sharing counters. */
  readonly saltA: number;
  readonly saltB: number;
  /** Names the counters among all replicas: `tier:scope:kind`. */
  readonly id: string;
  readonly isFixed: boolean;

  constructor(
    /** Name of the tier. */
    readonly name: string,
    /** Index of the tier, and so of its table in memory. */
    readonly tier: number,
    readonly kind: TrackerKind,
    /** The route that is counted for itself; empty where all routes of the tier count together. */
    readonly scope: string,
    readonly algorithm: ThrottleAlgorithm = 'sliding-window',
    readonly fallback: ThrottleFallback = 'local',
    /** Counted and reported, never refused. */
    readonly isShadow = false,
  ) {
    this.id = `${name}:${scope}:${kind}`;
    this.isFixed = algorithm === 'fixed-window';
    const { a, b } = hashOf(this.id);
    this.saltA = a;
    this.saltB = b;
  }
}

/** What a request asks of one policy. */
export interface Hit {
  readonly policy: Policy;
  readonly key: string;
  /** Whole number; 1 is an ordinary request. */
  readonly cost: number;
  readonly limit: number;
  readonly windowMs: number;
  /** How long a refusal bars the key; 0 bars it only until there is room again. */
  readonly blockMs: number;
}

/** What a policy answers. */
export interface Verdict {
  readonly allowed: boolean;
  /** The limit that was applied; smaller than the hit's where replicas share it. */
  readonly limit: number;
  /** What is left to spend, after this request. */
  readonly remaining: number;
  /** Until the window ends. */
  readonly resetMs: number;
  /** Until the same request would be let through; 0 where it was. */
  readonly waitMs: number;
}

/** What a store answers to all hits of a request, in their order. */
export interface Decision {
  readonly allowed: boolean;
  readonly verdicts: readonly Verdict[];
  /** No store could count, and the rule of a tier is to refuse then. */
  readonly isUnavailable?: boolean;
  /** Made in this process because the shared store did not answer, which therefore has nothing to give back. */
  readonly isLocal?: boolean;
}

/**
 * Counts hits. All hits of one call are spent, or none is: a request that one policy refuses costs the others nothing.
 */
export interface ThrottleStore {
  /** Synchronous where the counters are in memory, so that the hot path holds no promise. */
  consume(hits: readonly Hit[]): Decision | Promise<Decision>;
  /** Gives back what a decision spent. */
  refund(hits: readonly Hit[], decision: Decision): void | Promise<void>;
  /** Forgets a key, blocked or not. */
  unblock(policy: Policy, key: string): void | Promise<void>;
}

/** The hits that a decision spent: all, but for those that a shadow policy would have refused. */
export function spentHits(hits: readonly Hit[], { allowed, verdicts }: Decision): Hit[] {
  return allowed ? hits.filter((_, i) => verdicts[i]?.allowed === true) : [];
}

/** A wait in the whole seconds of a header, never too early. */
export function toSeconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000);
}

const { timeOrigin } = performance;

/** Milliseconds of a clock that is never set back, unlike the wall's. */
export function monotonicNow(): number {
  return Math.floor(timeOrigin + performance.now());
}
