import { CircuitBreaker } from '../redis/index.js';
import { withTimeLimit } from '../common/index.js';
import type { MemoryStore } from './memory.store.js';
import { PendingCharges, type SentCharge } from './pending-charges.js';
import {
  monotonicNow,
  consumedHits,
  type Decision,
  type Hit,
  type Policy,
  type ThrottleStore,
  type Verdict,
} from './policy.js';

/** @internal */
export interface FallbackStoreOptions {
  /** Maximum wait for a decision of the shared store, in milliseconds. */
  timeoutMs: number;
  /** Consecutive failures after which the shared store is not used until a probe succeeds. */
  failures: number;
  /** Pause before each probe, in milliseconds. */
  probeIntervalMs: number;
  /** Processes that share a limit. It is divided by them while each process counts by itself. */
  replicas: number;
  onFailure: (error: unknown) => void;
  onChange: (isFallingBack: boolean, reason: string) => void;
}

/** @internal */
export interface SharedStore extends ThrottleStore {
  /** Whether the store answers. */
  probe(): Promise<void>;
  /** Counts hits that a process has counted by itself. A store that cannot do this does not have the method. */
  charge?(charge: SentCharge): Promise<void>;
}

/** Charges that are sent in parallel. */
const MAX_PARALLEL_CHARGES = 200;

/** The wait that a closed tier reports to its clients. */
const UNAVAILABLE_WAIT_MS = 5_000;

/**
 * Uses a shared store, and applies the fallback of each tier where the shared store does not decide in time.
 *
 * Hits that are counted here stay counted for their window, so that a store that fails repeatedly gives no new allowance
 * at each failure. They are also written back to the shared store as soon as it answers, each hit once, so that other
 * replicas count them too. docs/throttling.md says how many requests a client can get.
 */
export class FallbackStore implements ThrottleStore {
  private readonly breaker: CircuitBreaker;
  private readonly pending = new PendingCharges(monotonicNow);
  private writingBack: Promise<void> | undefined;

  constructor(
    private readonly shared: SharedStore,
    private readonly local: MemoryStore,
    private readonly options: FallbackStoreOptions,
  ) {
    const { failures, probeIntervalMs, timeoutMs, onChange } = options;
    this.breaker = new CircuitBreaker({
      failures,
      probeIntervalMs,
      probe: async () => {
        await withTimeLimit(shared.probe(), timeoutMs);
        await this.writeBack();
      },
      onChange,
    });
  }

  get isFallingBack(): boolean {
    return this.breaker.isOpen;
  }

  consume(hits: readonly Hit[]): Decision | Promise<Decision> {
    if (this.breaker.isOpen) return this.decideLocally(hits);
    const decision = this.shared.consume(hits);
    return decision instanceof Promise ? this.decideInTime(decision, hits) : decision;
  }

  async refund(hits: readonly Hit[], decision: Decision): Promise<void> {
    if (decision.isLocal) return this.refundLocally(hits);
    if (this.breaker.isOpen) return this.addPending(hits, -1);
    try {
      await withTimeLimit(Promise.resolve(this.shared.refund(hits, decision)), this.options.timeoutMs);
    } catch (error) {
      // The hits stay consumed. The limit is then a little too strict for a while, and no request waits.
      this.fail(error);
    }
  }

  async unblock(policy: Policy, key: string): Promise<void> {
    this.local.unblock(policy, key);
    this.pending.delete(policy, key);
    await withTimeLimit(Promise.resolve(this.shared.unblock(policy, key)), this.options.timeoutMs);
  }

  stop(): void {
    this.breaker.stop();
  }

  private async decideInTime(pending: Promise<Decision>, hits: readonly Hit[]): Promise<Decision> {
    try {
      const decision = await withTimeLimit(pending, this.options.timeoutMs);
      this.breaker.succeeded();
      // Charges that cannot be sent stay pending, and the next answer tries again.
      if (this.pending.size > 0) void this.writeBack().catch(() => undefined);
      return decision;
    } catch (error) {
      this.fail(error);
      // If the late answer also consumed the hits, the hits counted here must not be written back.
      pending.then(
        (late) =>
          this.addPending(
            consumedHits(hits, late).filter(({ policy }) => policy.fallback !== 'open'),
            -1,
          ),
        () => undefined,
      );
      return this.decideLocally(hits);
    }
  }

  /** Sends the pending charges to the shared store. Only one run at a time. */
  private writeBack(): Promise<void> {
    return (this.writingBack ??= this.sendPending().finally(() => (this.writingBack = undefined)));
  }

  private async sendPending(): Promise<void> {
    // Only the charges that are pending now: under load there are always new ones, and the run has to end.
    for (let left = this.pending.size; left > 0; left -= MAX_PARALLEL_CHARGES) {
      const charges = this.pending.take(Math.min(left, MAX_PARALLEL_CHARGES));
      if (charges.length === 0) return;
      await withTimeLimit(Promise.all(charges.map((charge) => this.send(charge))), this.options.timeoutMs);
    }
  }

  private async send(charge: SentCharge): Promise<void> {
    await this.shared.charge?.(charge);
    this.pending.confirm(charge);
  }

  private refundLocally(hits: readonly Hit[]): void {
    const counted = hits.filter(({ policy }) => policy.fallback === 'local');
    this.local.refund(counted);
    this.addPending(counted, -1);
  }

  private addPending(hits: readonly Hit[], sign: 1 | -1): void {
    if (!this.shared.charge) return;
    for (const hit of hits) this.pending.add(hit, sign * hit.cost);
  }

  private fail(error: unknown): void {
    this.options.onFailure(error);
    this.breaker.failed(error instanceof Error ? error.message : String(error));
  }

  private decideLocally(hits: readonly Hit[]): Decision {
    if (hits.some(({ policy }) => policy.fallback === 'closed' && !policy.isShadow)) {
      return { allowed: false, isUnavailable: true, verdicts: hits.map(closed) };
    }
    const counted = hits.filter(({ policy }) => policy.fallback === 'local').map((hit) => this.shareOf(hit));
    const decision = counted.length > 0 ? this.local.consume(counted) : { allowed: true, verdicts: [] };
    const { allowed, verdicts } = decision;
    this.addPending(consumedHits(counted, decision), 1);
    let next = 0;
    return {
      allowed,
      isLocal: true,
      verdicts: hits.map((hit) => (hit.policy.fallback === 'local' ? (verdicts[next++] as Verdict) : open(hit))),
    };
  }

  private shareOf(hit: Hit): Hit {
    return { ...hit, limit: Math.max(1, Math.floor(hit.limit / this.options.replicas)) };
  }
}

function open({ limit, windowMs }: Hit): Verdict {
  return { allowed: true, limit, remaining: limit, resetMs: windowMs, waitMs: 0 };
}

function closed(hit: Hit): Verdict {
  const isClosed = hit.policy.fallback === 'closed' && !hit.policy.isShadow;
  return isClosed ? { ...open(hit), allowed: false, remaining: 0, waitMs: UNAVAILABLE_WAIT_MS } : open(hit);
}
