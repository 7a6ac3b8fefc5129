import type { IdempotencyClaim, IdempotencyState, IdempotencyStore, StoredResponse } from './idempotency.store.js';
import { IdempotencyStoreFullError } from './idempotency-store-full.error.js';
import { MemoryBudget, type MemoryUsage } from './memory-budget.js';

/** @publicApi */
export interface MemoryIdempotencyOptions {
  /** Maximum number of keys. @default 100_000 */
  maxEntries?: number;
  /** Maximum estimated size of all keys and responses, in bytes. @default 67_108_864 (64 MiB) */
  maxBytes?: number;
  /** Share of both limits that one caller may use, from 0 to 1. @default 0.25 */
  maxCallerShare?: number;
}

interface Attempt {
  readonly fingerprint: string;
  readonly owner: string;
  readonly caller: string;
  bytes: number;
  leaseUntil: number;
  expiresAt: number;
  answer?: StoredResponse;
}

/** Estimated size of the objects of an entry, without its texts. */
const OVERHEAD_BYTES = 400;
/** Reserved for the response of each running attempt. A larger response is stored only if there is room. */
const RESERVED_BYTES = 16_384;
/** Minimum pause between two searches for expired entries in a full store. A search reads all entries. */
const EXPIRY_INTERVAL_MS = 1_000;

/**
 * Stores keys in the memory of one process. They are lost when the process ends. A full store rejects new keys. It never
 * deletes a response before it expires.
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

  /** Current usage and limits. */
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
    const bytes = OVERHEAD_BYTES + RESERVED_BYTES + computeTextBytes(id, fingerprint, owner, caller);
    if (!this.budget.hasRoomFor(caller, bytes) && now - this.lastPruneAt >= EXPIRY_INTERVAL_MS) this.removeExpired(now);
    if (!this.budget.hasRoomFor(caller, bytes)) {
      throw new IdempotencyStoreFullError('The memory for idempotency keys, or the share of this caller, is full.');
    }
    this.budget.add(caller, bytes);
    this.attempts.set(id, { fingerprint, owner, caller, bytes, leaseUntil: now + leaseMs, expiresAt: now + ttlMs });
    return { state: 'started', isTakeover };
  }

  async complete(claim: IdempotencyClaim, answer: StoredResponse): Promise<boolean> {
    const attempt = this.findOwnAttempt(claim);
    if (!attempt) return false;
    const { caller } = attempt;
    const rest = attempt.bytes - RESERVED_BYTES;
    const whole = computeResponseBytes(answer);
    this.budget.resize(caller, -RESERVED_BYTES);
    const fits = whole <= RESERVED_BYTES || this.budget.canGrow(caller, whole);
    // It must always be stored that the request is done. Without room for the body, the response cannot be replayed.
    const kept: StoredResponse = fits ? answer : { ...answer, body: undefined };
    const bytes = rest + computeResponseBytes(kept);
    this.budget.resize(caller, bytes - rest);
    Object.assign(attempt, { answer: kept, bytes, expiresAt: Date.now() + claim.ttlMs });
    return true;
  }

  async extend(claim: IdempotencyClaim): Promise<boolean> {
    const attempt = this.findOwnAttempt(claim);
    if (attempt) attempt.leaseUntil = Date.now() + claim.leaseMs;
    return attempt !== undefined;
  }

  async release(claim: IdempotencyClaim): Promise<void> {
    const attempt = this.findOwnAttempt(claim);
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

  private findOwnAttempt({ id, owner }: IdempotencyClaim): Attempt | undefined {
    const attempt = this.attempts.get(id);
    return attempt?.owner === owner && !attempt.answer ? attempt : undefined;
  }
}

function computeResponseBytes({ headers, body }: StoredResponse): number {
  const text = body === undefined ? '' : 'text' in body ? body.text : body.base64;
  return computeTextBytes(text, ...headers.flat());
}

/** V8 stores a text with one byte for each character if all are Latin-1, otherwise with two bytes. */
function computeTextBytes(...texts: readonly string[]): number {
  return texts.reduce((bytes, text) => bytes + text.length * (/[^\0-\xff]/.test(text) ? 2 : 1), 0);
}
