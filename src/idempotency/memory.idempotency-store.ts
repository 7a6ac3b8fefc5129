import type { IdempotencyClaim, IdempotencyState, IdempotencyStore, StoredAnswer } from './idempotency.store.js';
import { IdempotencyStoreFullError } from './idempotency-store-full.error.js';
import { MemoryBudget, type MemoryUsage } from './memory-budget.js';

/** @publicApi */
export interface MemoryIdempotencyOptions {
  /** Most keys that are kept. @default 100_000 */
  maxEntries?: number;
  /** Most bytes that they take, estimated. @default 67_108_864: 64 MiB */
  maxBytes?: number;
  /** Part of both bounds that one caller may use, from 0 to 1. @default 0.25 */
  maxCallerShare?: number;
}

interface Attempt {
  readonly fingerprint: string;
  readonly owner: string;
  readonly caller: string;
  bytes: number;
  leaseUntil: number;
  expiresAt: number;
  answer?: StoredAnswer;
}

/** Objects around an entry and its place in the table. */
const OVERHEAD_BYTES = 400;
/** Held for the answer of each attempt that runs. A longer answer is kept where there is room for it. */
const RESERVED_BYTES = 16_384;
/** A full store looks for expired entries this often at most, as it has to look at all of them. */
const EXPIRY_INTERVAL_MS = 1_000;

/**
 * For one process: its requests are forgotten with it. A store that is full refuses new keys; it never forgets a kept
 * answer before its time.
 *
 * @publicApi
 */
export class MemoryIdempotencyStore implements IdempotencyStore {
  private readonly attempts = new Map<string, Attempt>();
  private readonly budget: MemoryBudget;
  private lastPruneAt = -Infinity;

  constructor({ maxEntries = 100_000, maxBytes = 67_108_864, maxCallerShare = 0.25 }: MemoryIdempotencyOptions = {}) {
    this.budget = new MemoryBudget({ maxEntries, maxBytes, maxCallerShare });
  }

  /** What is kept now, and the bounds. */
  get usage(): MemoryUsage {
    return this.budget.usage;
  }

  /** @throws IdempotencyStoreFullError */
  async begin(claim: IdempotencyClaim): Promise<IdempotencyState> {
    const { id, fingerprint, owner, caller = '', leaseMs, ttlMs, mayTakeOver } = claim;
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
    if (known) this.remove(id, known);
    const bytes = OVERHEAD_BYTES + RESERVED_BYTES + sizeOf(id, fingerprint, owner, caller);
    if (!this.budget.hasRoomFor(caller, bytes) && now - this.lastPruneAt >= EXPIRY_INTERVAL_MS) this.removeExpired(now);
    if (!this.budget.hasRoomFor(caller, bytes)) {
      throw new IdempotencyStoreFullError('The memory for idempotency keys is full, or the share of this caller is.');
    }
    this.budget.add(caller, bytes);
    this.attempts.set(id, { fingerprint, owner, caller, bytes, leaseUntil: now + leaseMs, expiresAt: now + ttlMs });
    return { state: 'started', isTakeover };
  }

  async complete(claim: IdempotencyClaim, answer: StoredAnswer): Promise<boolean> {
    const attempt = this.own(claim);
    if (!attempt) return false;
    const { caller } = attempt;
    const rest = attempt.bytes - RESERVED_BYTES;
    const whole = answerSize(answer);
    this.budget.resize(caller, -RESERVED_BYTES);
    const fits = whole <= RESERVED_BYTES || this.budget.canGrow(caller, whole);
    // That the request is done must be kept in any case; its answer cannot be repeated then.
    const kept: StoredAnswer = fits ? answer : { ...answer, body: undefined };
    const bytes = rest + answerSize(kept);
    this.budget.resize(caller, bytes - rest);
    Object.assign(attempt, { answer: kept, bytes, expiresAt: Date.now() + claim.ttlMs });
    return true;
  }

  async extend(claim: IdempotencyClaim): Promise<boolean> {
    const attempt = this.own(claim);
    if (attempt) attempt.leaseUntil = Date.now() + claim.leaseMs;
    return attempt !== undefined;
  }

  async release(claim: IdempotencyClaim): Promise<void> {
    const attempt = this.own(claim);
    if (attempt) this.remove(claim.id, attempt);
  }

  async prune(): Promise<void> {
    this.removeExpired(Date.now());
  }

  private removeExpired(now: number): void {
    this.lastPruneAt = now;
    for (const [id, attempt] of this.attempts) if (attempt.expiresAt <= now) this.remove(id, attempt);
  }

  private remove(id: string, { caller, bytes }: Attempt): void {
    this.attempts.delete(id);
    this.budget.remove(caller, bytes);
  }

  private own({ id, owner }: IdempotencyClaim): Attempt | undefined {
    const attempt = this.attempts.get(id);
    return attempt?.owner === owner && !attempt.answer ? attempt : undefined;
  }
}

function answerSize({ headers, body }: StoredAnswer): number {
  const text = body === undefined ? '' : 'text' in body ? body.text : body.base64;
  return sizeOf(text, ...headers.flat());
}

/** V8 keeps a text in one byte a character where all are of Latin-1, else in two. */
function sizeOf(...texts: readonly string[]): number {
  return texts.reduce((bytes, text) => bytes + text.length * (/[^\0-\xff]/.test(text) ? 2 : 1), 0);
}
