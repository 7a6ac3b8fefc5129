import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { IdempotencyClaim, StoredAnswer } from './idempotency.store.js';
import { IdempotencyStoreFullError } from './idempotency-store-full.error.js';
import { MemoryIdempotencyStore } from './memory.idempotency-store.js';

const KIBIBYTE = 1_024;

const claimOf = (caller: string, given: Partial<IdempotencyClaim> = {}): IdempotencyClaim => ({
  id: randomUUID(),
  caller,
  fingerprint: 'body',
  owner: randomUUID(),
  leaseMs: 60_000,
  ttlMs: 60_000,
  mayTakeOver: true,
  ...given,
});

const answerOf = (length: number, letter = 'x'): StoredAnswer => ({
  status: 201,
  headers: [],
  body: { text: letter.repeat(length) },
});

async function done(store: MemoryIdempotencyStore, caller: string, answer = answerOf(10)): Promise<IdempotencyClaim> {
  const claim = claimOf(caller);
  await store.begin(claim);
  await store.complete(claim, answer);
  return claim;
}

const again = (claim: IdempotencyClaim) => ({ ...claim, owner: randomUUID() });

/** Sends keys until one is refused; their number. */
async function fill(store: MemoryIdempotencyStore, callerOf: (i: number) => string, answer?: StoredAnswer) {
  for (let i = 0; i < 100_000; i++) {
    try {
      await done(store, callerOf(i), answer);
    } catch (error) {
      if (error instanceof IdempotencyStoreFullError) return i;
      throw error;
    }
  }
  throw new Error('nothing was refused');
}

describe('the memory store that is full', () => {
  it('of keys refuses new ones and forgets no answer', async () => {
    const store = new MemoryIdempotencyStore({ maxEntries: 50, maxCallerShare: 1 });
    const first = await done(store, 'ada');
    expect(await fill(store, (i) => `caller ${i}`)).toBe(49);
    expect(await store.begin(again(first))).toMatchObject({ state: 'done', answer: answerOf(10) });
    expect(store.usage).toMatchObject({ entries: 50, maxEntries: 50 });
  });

  it('of bytes refuses new ones and stays within its bound', async () => {
    const store = new MemoryIdempotencyStore({ maxBytes: 512 * KIBIBYTE, maxCallerShare: 1 });
    const first = await done(store, 'ada', answerOf(10 * KIBIBYTE));
    const count = await fill(store, (i) => `caller ${i}`, answerOf(10 * KIBIBYTE));
    expect(count).toBeGreaterThan(20);
    expect(store.usage.bytes).toBeLessThanOrEqual(512 * KIBIBYTE);
    expect(await store.begin(again(first))).toMatchObject({ state: 'done', answer: answerOf(10 * KIBIBYTE) });
  });

  it('for one caller has room for others', async () => {
    const store = new MemoryIdempotencyStore({ maxEntries: 100, maxCallerShare: 0.25 });
    expect(await fill(store, () => 'mallory')).toBe(25);
    expect(await store.begin(claimOf('ada'))).toMatchObject({ state: 'started' });
  });

  it('for one caller in bytes has room for others', async () => {
    const store = new MemoryIdempotencyStore({ maxBytes: 4_096 * KIBIBYTE, maxCallerShare: 0.25 });
    await fill(store, () => 'mallory', answerOf(100 * KIBIBYTE));
    expect(store.usage.bytes).toBeLessThanOrEqual(1_024 * KIBIBYTE);
    expect(await store.begin(claimOf('ada'))).toMatchObject({ state: 'started' });
  });

  it('keeps that a request is done where there is no room for its long answer', async () => {
    const store = new MemoryIdempotencyStore({ maxBytes: 64 * KIBIBYTE, maxCallerShare: 1 });
    const claim = await done(store, 'ada', answerOf(100 * KIBIBYTE));
    expect(await store.begin(again(claim))).toMatchObject({ state: 'done', answer: { status: 201, body: undefined } });
    expect(store.usage.bytes).toBeLessThanOrEqual(64 * KIBIBYTE);
  });

  it('always has room for a short answer of an attempt that it let begin', async () => {
    const store = new MemoryIdempotencyStore({ maxBytes: 256 * KIBIBYTE, maxCallerShare: 1 });
    const claims: IdempotencyClaim[] = [];
    for (;;) {
      const claim = claimOf('ada');
      const begun = await store.begin(claim).catch(() => undefined);
      if (!begun) break;
      claims.push(claim);
    }
    expect(claims.length).toBeGreaterThan(5);
    for (const claim of claims) await store.complete(claim, answerOf(8_000, 'ä'));
    for (const claim of claims) {
      expect(await store.begin(again(claim))).toMatchObject({ answer: { body: { text: 'ä'.repeat(8_000) } } });
    }
    expect(store.usage.bytes).toBeLessThanOrEqual(256 * KIBIBYTE);
  });

  it('has room again when keys expire or are released', async () => {
    const store = new MemoryIdempotencyStore({ maxEntries: 2, maxCallerShare: 1 });
    const expired = claimOf('ada', { ttlMs: 0 });
    const released = claimOf('ada');
    await store.begin(expired);
    await store.begin(released);
    expect(await store.begin(claimOf('ada'))).toMatchObject({ state: 'started' });
    await expect(store.begin(claimOf('ada'))).rejects.toThrow(IdempotencyStoreFullError);
    await store.release(released);
    expect(await store.begin(claimOf('ada'))).toMatchObject({ state: 'started' });
  });

  it('counts nothing that is gone', async () => {
    const store = new MemoryIdempotencyStore();
    const claims = Array.from({ length: 20 }, (_, i) => claimOf(`caller ${i % 3}`, { ttlMs: 0 }));
    for (const claim of claims) await store.begin(claim);
    for (const claim of claims.slice(0, 5)) await store.release(claim);
    for (const claim of claims.slice(5, 10)) await store.complete(claim, answerOf(100_000));
    await store.prune();
    expect(store.usage).toMatchObject({ entries: 0, bytes: 0 });
  });

  it.each([{ maxEntries: 0 }, { maxBytes: Number.NaN }, { maxCallerShare: 0 }, { maxCallerShare: 1.5 }])(
    'refuses the option %o, and names it',
    (options) => {
      const [name = ''] = Object.keys(options);
      expect(() => new MemoryIdempotencyStore(options)).toThrow(name);
    },
  );
});
