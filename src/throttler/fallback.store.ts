import { CircuitBreaker } from '../redis/circuit-breaker.js';
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
  /** Longest wait for a decision of the shared store, in milliseconds. */
  timeoutMs: number;
  /** Failures in a row after which the shared store is left alone. */
  failures: number;
  /** Pause before each probe of a store that is left alone, in milliseconds. */
  probeIntervalMs: number;
  /** Processes among which a limit is divided while each counts for itself. */
  replicas: number;
  onFailure: (error: unknown) => void;
  onChange: (isFallingBack: boolean, reason: string) => void;
}

/** @internal */
export interface SharedStore extends ThrottleStore {
  /** Whether the store answers. */
  probe(): Promise<void>;
  /** Counts what a process has counted by itself. A store that cannot do this has no such method. */
  charge?(charge: SentCharge): Promise<void>;
}

/** Charges that are sent at once. */
const CHARGES_AT_ONCE = 200;

/** What a closed tier tells its clients to wait. */
const UNAVAILABLE_WAIT_MS = 5_000;

/**
 * A shared store that cannot become an outage: what it does not decide in time is decided by the rule of each tier.
 *
 * Hits that are counted here stay counted for their window, so that a store that fails again and again gives no new
 * allowance each time. They are also written back to the shared store as soon as it answers, each once, so that other
 * replicas count them too. docs/throttling.md has the bound that follows.
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
    if (this.breaker.isOpen) return this.decideHere(hits);
    const decision = this.shared.consume(hits);
    return decision instanceof Promise ? this.inTime(decision, hits) : decision;
  }

  async refund(hits: readonly Hit[], decision: Decision): Promise<void> {
    if (decision.isLocal) return this.refundHere(hits);
    if (this.breaker.isOpen) return this.addPending(hits, -1);
    try {
      await withTimeLimit(Promise.resolve(this.shared.refund(hits, decision)), this.options.timeoutMs);
    } catch (error) {
      // It stays spent: the limit is a little stricter than it should be, and nobody waits.
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

  private async inTime(pending: Promise<Decision>, hits: readonly Hit[]): Promise<Decision> {
    try {
      const decision = await withTimeLimit(pending, this.options.timeoutMs);
      this.breaker.succeeded();
      // What cannot be sent stays pending, and the next answer tries again.
      if (this.pending.size > 0) void this.writeBack().catch(() => undefined);
      return decision;
    } catch (error) {
      this.fail(error);
      // A late answer that spent the hits too: what was counted here is then not to be written back.
      pending.then(
        (late) =>
          this.addPending(
            consumedHits(hits, late).filter(({ policy }) => policy.fallback !== 'open'),
            -1,
          ),
        () => undefined,
      );
      return this.decideHere(hits);
    }
  }

  /** Sends what the shared store has not counted yet, in one run at a time. */
  private writeBack(): Promise<void> {
    return (this.writingBack ??= this.sendPending().finally(() => (this.writingBack = undefined)));
  }

  private async sendPending(): Promise<void> {
    // Only what is pending now: under load there is always more, and the store must be used again some time.
    for (let left = this.pending.size; left > 0; left -= CHARGES_AT_ONCE) {
      const charges = this.pending.take(Math.min(left, CHARGES_AT_ONCE));
      if (charges.length === 0) return;
      await withTimeLimit(Promise.all(charges.map((charge) => this.send(charge))), this.options.timeoutMs);
    }
  }

  private async send(charge: SentCharge): Promise<void> {
    await this.shared.charge?.(charge);
    this.pending.confirm(charge);
  }

  private refundHere(hits: readonly Hit[]): void {
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

  private decideHere(hits: readonly Hit[]): Decision {
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
