import { CircuitBreaker, withTimeLimit } from '../common/index.js';
import type { MemoryStore } from './memory.store.js';
import type { Decision, Hit, Policy, ThrottleStore, Verdict } from './policy.js';

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

/** What a closed tier tells its clients to wait. */
const UNAVAILABLE_WAIT_MS = 5_000;

/**
 * A shared store that cannot become an outage: what it does not decide in time is decided by the rule of each tier.
 *
 * What is counted here meanwhile is forgotten when the shared store is back, so that nothing is counted twice.
 */
export class FallbackStore implements ThrottleStore {
  private readonly breaker: CircuitBreaker;

  constructor(
    private readonly shared: ThrottleStore & { probe(): Promise<void> },
    private readonly local: MemoryStore,
    private readonly options: FallbackStoreOptions,
  ) {
    const { failures, probeIntervalMs, timeoutMs, onChange } = options;
    this.breaker = new CircuitBreaker({
      failures,
      probeIntervalMs,
      probe: () => withTimeLimit(shared.probe(), timeoutMs),
      onChange: (isOpen, reason) => {
        if (!isOpen) local.clear();
        onChange(isOpen, reason);
      },
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
    if (decision.isLocal) return this.local.refund(hits);
    if (this.breaker.isOpen) return;
    try {
      await withTimeLimit(Promise.resolve(this.shared.refund(hits, decision)), this.options.timeoutMs);
    } catch (error) {
      // It stays spent: the limit is a little stricter than it should be, and nobody waits.
      this.fail(error);
    }
  }

  async lift(policy: Policy, key: string): Promise<void> {
    this.local.lift(policy, key);
    await withTimeLimit(Promise.resolve(this.shared.lift(policy, key)), this.options.timeoutMs);
  }

  stop(): void {
    this.breaker.stop();
  }

  private async inTime(pending: Promise<Decision>, hits: readonly Hit[]): Promise<Decision> {
    try {
      const decision = await withTimeLimit(pending, this.options.timeoutMs);
      this.breaker.succeeded();
      return decision;
    } catch (error) {
      this.fail(error);
      return this.decideHere(hits);
    }
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
    const { allowed, verdicts } = counted.length > 0 ? this.local.consume(counted) : { allowed: true, verdicts: [] };
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
