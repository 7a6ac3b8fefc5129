import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { IdempotencyClaim, StoredResponse } from './idempotency.store.js';
import { IdempotencyStoreFullError } from './idempotency-store-full.error.js';
import { MemoryIdempotencyStore } from './memory.idempotency-store.js';

const KIBIBYTE = 1_024;

const createClaim = (caller: string, given: Partial<IdempotencyClaim> = {}): IdempotencyClaim => ({
  id: randomUUID(),
  caller,
  fingerprint: 'body',
  owner: randomUUID(),
  leaseMs: 60_000,
  ttlMs: 60_000,
  mayTakeOver: true,
  ...given,
});

const createResponse = (length: number, letter = 'x'): StoredResponse => ({
  status: 201,
  headers: [],
  body: { text: letter.repeat(length) },
});

async function complete(
  store: MemoryIdempotencyStore,
  caller: string,
  answer = createResponse(10),
): Promise<IdempotencyClaim> {
  const claim = createClaim(caller);
  await store.begin(claim);
  await store.complete(claim, answer);
  return claim;
}

const retry = (claim: IdempotencyClaim) => ({ ...claim, owner: randomUUID() });

/** Adds keys until one is rejected, and returns their number. */
async function fill(store: MemoryIdempotencyStore, getCaller: (i: number) => string, answer?: StoredResponse) {
  for (let i = 0; i < 100_000; i++) {
    try {
      await complete(store, getCaller(i), answer);
    } catch (error) {
      if (error instanceof IdempotencyStoreFullError) return i;
      throw error;
    }
  }
  throw new Error('no key was rejected');
}

describe('the full memory store', () => {
  it('rejects new keys over maxEntries and deletes no response', async () => {
    const store = new MemoryIdempotencyStore({ maxEntries: 50, maxCallerShare: 1 });
    const first = await complete(store, 'ada');
    expect(await fill(store, (i) => `caller ${i}`)).toBe(49);
    expect(await store.begin(retry(first))).toMatchObject({ state: 'done', answer: createResponse(10) });
    expect(store.usage).toMatchObject({ entries: 50, maxEntries: 50 });
  });

  it('rejects new keys over maxBytes and stays below maxBytes', async () => {
    const store = new MemoryIdempotencyStore({ maxBytes: 512 * KIBIBYTE, maxCallerShare: 1 });
    const first = await complete(store, 'ada', createResponse(10 * KIBIBYTE));
    const count = await fill(store, (i) => `caller ${i}`, createResponse(10 * KIBIBYTE));
    expect(count).toBeGreaterThan(20);
    expect(store.usage.bytes).toBeLessThanOrEqual(512 * KIBIBYTE);
    expect(await store.begin(retry(first))).toMatchObject({ state: 'done', answer: createResponse(10 * KIBIBYTE) });
  });

  it('has room for other callers if one caller has used up its entries', async () => {
    const store = new MemoryIdempotencyStore({ maxEntries: 100, maxCallerShare: 0.25 });
    expect(await fill(store, () => 'mallory')).toBe(25);
    expect(await store.begin(createClaim('ada'))).toMatchObject({ state: 'started' });
  });

  it('has room for other callers if one caller has used up its bytes', async () => {
    const store = new MemoryIdempotencyStore({ maxBytes: 4_096 * KIBIBYTE, maxCallerShare: 0.25 });
    await fill(store, () => 'mallory', createResponse(100 * KIBIBYTE));
    expect(store.usage.bytes).toBeLessThanOrEqual(1_024 * KIBIBYTE);
    expect(await store.begin(createClaim('ada'))).toMatchObject({ state: 'started' });
  });

  it('stores that a request is done if there is no room for its large response', async () => {
    const store = new MemoryIdempotencyStore({ maxBytes: 64 * KIBIBYTE, maxCallerShare: 1 });
    const claim = await complete(store, 'ada', createResponse(100 * KIBIBYTE));
    expect(await store.begin(retry(claim))).toMatchObject({ state: 'done', answer: { status: 201, body: undefined } });
    expect(store.usage.bytes).toBeLessThanOrEqual(64 * KIBIBYTE);
  });

  it('always has room for a small response of a started attempt', async () => {
    const store = new MemoryIdempotencyStore({ maxBytes: 256 * KIBIBYTE, maxCallerShare: 1 });
    const claims: IdempotencyClaim[] = [];
    for (;;) {
      const claim = createClaim('ada');
      const begun = await store.begin(claim).catch(() => undefined);
      if (!begun) break;
      claims.push(claim);
    }
    expect(claims.length).toBeGreaterThan(5);
    for (const claim of claims) await store.complete(claim, createResponse(8_000, 'ä'));
    for (const claim of claims) {
      expect(await store.begin(retry(claim))).toMatchObject({ answer: { body: { text: 'ä'.repeat(8_000) } } });
    }
    expect(store.usage.bytes).toBeLessThanOrEqual(256 * KIBIBYTE);
  });

  it('has room again after keys expire or are released', async () => {
    const store = new MemoryIdempotencyStore({ maxEntries: 2, maxCallerShare: 1 });
    const expired = createClaim('ada', { ttlMs: 0 });
    const released = createClaim('ada');
    await store.begin(expired);
    await store.begin(released);
    expect(await store.begin(createClaim('ada'))).toMatchObject({ state: 'started' });
    await expect(store.begin(createClaim('ada'))).rejects.toThrow(IdempotencyStoreFullError);
    await store.release(released);
    expect(await store.begin(createClaim('ada'))).toMatchObject({ state: 'started' });
  });

  it('does not count deleted keys', async () => {
    const store = new MemoryIdempotencyStore();
    const claims = Array.from({ length: 20 }, (_, i) => createClaim(`caller ${i % 3}`, { ttlMs: 0 }));
    for (const claim of claims) await store.begin(claim);
    for (const claim of claims.slice(0, 5)) await store.release(claim);
    for (const claim of claims.slice(5, 10)) await store.complete(claim, createResponse(100_000));
    await store.prune();
    expect(store.usage).toMatchObject({ entries: 0, bytes: 0 });
  });

  it.each([{ maxEntries: 0 }, { maxBytes: Number.NaN }, { maxCallerShare: 0 }, { maxCallerShare: 1.5 }])(
    'rejects the option %o with its name',
    (options) => {
      const [name = ''] = Object.keys(options);
      expect(() => new MemoryIdempotencyStore(options)).toThrow(name);
    },
  );
});
