import type { IdempotencyClaim, IdempotencyState, IdempotencyStore, StoredAnswer } from './idempotency.store.js';

interface Attempt {
  readonly fingerprint: string;
  readonly owner: string;
  leaseUntil: number;
  expiresAt: number;
  answer?: StoredAnswer;
}

/** For one process: its requests are forgotten with it. @publicApi */
export class MemoryIdempotencyStore implements IdempotencyStore {
  private readonly attempts = new Map<string, Attempt>();

  /** @param maxKeys beyond it the oldest answer is forgotten; attempts that run are not */
  constructor(private readonly maxKeys = 100_000) {}

  async begin({ id, fingerprint, owner, leaseMs, ttlMs, mayTakeOver }: IdempotencyClaim): Promise<IdempotencyState> {
    const now = Date.now();
    const known = this.attempts.get(id);
    const isTakeover = known !== undefined && known.expiresAt > now;
    if (isTakeover) {
      if (known.answer) return { state: 'done', fingerprint: known.fingerprint, answer: known.answer };
      const isAlive = known.leaseUntil > now;
      if (isAlive || !mayTakeOver || known.fingerprint !== fingerprint) {
        return { state: isAlive ? 'running' : 'abandoned', fingerprint: known.fingerprint };
      }
    }
    this.attempts.delete(id);
    this.attempts.set(id, { fingerprint, owner, leaseUntil: now + leaseMs, expiresAt: now + ttlMs });
    this.makeRoom();
    return { state: 'started', isTakeover };
  }

  async complete(claim: IdempotencyClaim, answer: StoredAnswer): Promise<boolean> {
    const attempt = this.own(claim);
    if (attempt) Object.assign(attempt, { answer, expiresAt: Date.now() + claim.ttlMs });
    return attempt !== undefined;
  }

  async extend(claim: IdempotencyClaim): Promise<boolean> {
    const attempt = this.own(claim);
    if (attempt) attempt.leaseUntil = Date.now() + claim.leaseMs;
    return attempt !== undefined;
  }

  async release(claim: IdempotencyClaim): Promise<void> {
    if (this.own(claim)) this.attempts.delete(claim.id);
  }

  async prune(): Promise<void> {
    const now = Date.now();
    for (const [id, { expiresAt }] of this.attempts) if (expiresAt <= now) this.attempts.delete(id);
  }

  private own({ id, owner }: IdempotencyClaim): Attempt | undefined {
    const attempt = this.attempts.get(id);
    return attempt?.owner === owner && !attempt.answer ? attempt : undefined;
  }

  private makeRoom(): void {
    if (this.attempts.size <= this.maxKeys) return;
    for (const [id, { answer }] of this.attempts) {
      if (!answer) continue;
      this.attempts.delete(id);
      return;
    }
  }
}
