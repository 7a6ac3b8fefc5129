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
  /** Failures in a row after which the shared store is not used. */
  failures: number;
  /** Pause before each probe of a store that is not used, in milliseconds. */
  probeIntervalMs: number;
  /** Number of processes by which a limit is divided while each process counts alone. */
  replicas: number;
  onFailure: (error: unknown) => void;
  onChange: (isFallingBack: boolean, reason: string) => void;
}

/** @internal */
export interface SharedStore extends ThrottleStore {
  /** @throws if the store does not work */
  probe(): Promise<void>;
  /** Counts hits that a process has counted alone. A store that cannot do this has no such method. */
  charge?(charge: SentCharge): Promise<void>;
}

/** Charges that are sent at the same time. */
const BATCH_SIZE = 200;

/** Time after which clients of a closed tier may try again. */
const UNAVAILABLE_WAIT_MS = 5_000;

/**
 * Uses a shared store behind a circuit breaker. If the store does not decide in time, each tier decides by its rule for
 * outages, so that an outage of the store is no outage of the application.
 *
 * Hits that are counted in this process stay counted for their window, so that repeated failures give no new allowance
 * each time. They are written back to the shared store as soon as it answers, each once, so that other replicas count
 * them, too. docs/throttling.md has the resulting bound.
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
    const { timeoutMs, failures, probeIntervalMs, onFailure, onChange } = options;
    this.breaker = new CircuitBreaker({
      timeoutMs,
      failures,
      probeIntervalMs,
      probe: () => shared.probe(),
      beforeClose: () => this.writeBack(),
      onFailure,
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
      await this.breaker.run(async () => this.shared.refund(hits, decision));
    } catch {
      // The hits stay spent: the limit is a little stricter than it should be.
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
      const decision = await this.breaker.run(() => pending);
      // Charges that cannot be sent stay pending until the next answer.
      if (this.pending.size > 0) void this.writeBack().catch(() => undefined);
      return decision;
    } catch {
      // If a late answer has spent the hits as well, the hits that are counted here must not be written back.
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

  /** Sends the hits that the shared store has not counted yet. One run at a time. */
  private writeBack(): Promise<void> {
    return (this.writingBack ??= this.sendPending().finally(() => (this.writingBack = undefined)));
  }

  private async sendPending(): Promise<void> {
    // Only the charges that are pending now: under load new ones are added all the time, and the run has to end.
    for (let left = this.pending.size; left > 0; left -= BATCH_SIZE) {
      const charges = this.pending.take(Math.min(left, BATCH_SIZE));
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
