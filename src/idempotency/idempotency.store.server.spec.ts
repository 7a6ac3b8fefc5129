import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { freshDatabase } from '../../test/support/database.js';
import { until } from '../../test/support/until.js';
import { idempotencyMigrations } from './create-idempotency-keys.migration.js';
import type { IdempotencyClaim, IdempotencyStore, StoredResponse } from './idempotency.store.js';
import { MemoryIdempotencyStore } from './memory.idempotency-store.js';
import { PostgresIdempotencyStore } from './postgres.idempotency-store.js';
import { RedisIdempotencyStore } from './redis.idempotency-store.js';

const ANSWER: StoredResponse = { status: 201, headers: [['location', '/a']], body: { text: '{"ä":1}' } };

const createClaim = (given: Partial<IdempotencyClaim> = {}): IdempotencyClaim => ({
  id: randomUUID(),
  fingerprint: 'body',
  owner: randomUUID(),
  leaseMs: 60_000,
  ttlMs: 60_000,
  mayTakeOver: true,
  ...given,
});

const retry = (claim: IdempotencyClaim, given: Partial<IdempotencyClaim> = {}) =>
  createClaim({ ...claim, owner: randomUUID(), ...given });

const SOURCES: Record<string, () => Promise<{ store: IdempotencyStore; stop: () => Promise<unknown> }>> = {
  memory: async () => ({ store: new MemoryIdempotencyStore(), stop: async () => undefined }),
  Redis: async () => {
    const redis = new Redis(inject('redisUrl'));
    return { store: new RedisIdempotencyStore(redis, `${randomUUID()}:`), stop: () => redis.quit() };
  },
  PostgreSQL: async () => {
    const pool = new Pool({ connectionString: await freshDatabase(), max: 20 });
    const database = { query: async (sql: string, values?: unknown[]) => (await pool.query(sql, values)).rows };
    for (const Migration of idempotencyMigrations) await new Migration().up(database as never);
    return { store: new PostgresIdempotencyStore(database), stop: () => pool.end() };
  },
};

describe.each(Object.keys(SOURCES))('the store in %s', (name) => {
  let store: IdempotencyStore;
  let stop: () => Promise<unknown>;
  beforeAll(async () => ({ store, stop } = await (SOURCES[name] as (typeof SOURCES)[string])()));
  afterAll(async () => {
    await stop();
  });

  it('starts one of many parallel attempts', async () => {
    const claim = createClaim();
    const states = await Promise.all(Array.from({ length: 100 }, () => store.begin(retry(claim))));
    expect(states.filter(({ state }) => state === 'started')).toEqual([{ state: 'started', isTakeover: false }]);
    expect(states.filter(({ state }) => state === 'running')).toHaveLength(99);
  });

  it('returns the unchanged response and the fingerprint of its request', async () => {
    const claim = createClaim();
    await store.begin(claim);
    expect(await store.complete(claim, ANSWER)).toBe(true);
    const done = { state: 'done', fingerprint: 'body', answer: ANSWER };
    expect(await store.begin(retry(claim))).toEqual(done);
    expect(await store.begin(retry(claim, { fingerprint: 'other' }))).toEqual(done);
  });

  it('deletes only the attempt that is released', async () => {
    const claim = createClaim();
    await store.begin(claim);
    await store.release(retry(claim));
    expect((await store.begin(retry(claim))).state).toBe('running');
    await store.release(claim);
    expect((await store.begin(retry(claim))).state).toBe('started');
  });

  it('lets only the same request take over an attempt without heartbeats', async () => {
    const claim = createClaim({ leaseMs: 1 });
    await store.begin(claim);
    await until('the lease has expired', async () => {
      const { state } = await store.begin(retry(claim, { mayTakeOver: false }));
      return state === 'abandoned';
    });
    expect(await store.begin(retry(claim, { fingerprint: 'other' }))).toEqual({
      state: 'abandoned',
      fingerprint: 'body',
    });
    const next = retry(claim, { leaseMs: 60_000 });
    expect(await store.begin(next)).toEqual({ state: 'started', isTakeover: true });
    // The first attempt has lost the claim and can no longer change it.
    expect(await store.extend(claim)).toBe(false);
    expect(await store.complete(claim, ANSWER)).toBe(false);
    await store.release(claim);
    expect(await store.complete(next, ANSWER)).toBe(true);
  });

  it('keeps an attempt with heartbeats running', async () => {
    const claim = createClaim({ leaseMs: 200 });
    await store.begin(claim);
    expect(await store.extend({ ...claim, leaseMs: 60_000 })).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect((await store.begin(retry(claim))).state).toBe('running');
  });

  it('deletes expired responses', async () => {
    const claim = createClaim({ ttlMs: 50 });
    await store.begin(claim);
    await store.complete(claim, ANSWER);
    await new Promise((resolve) => setTimeout(resolve, 60));
    await store.prune?.();
    expect(await store.begin(retry(claim))).toEqual({ state: 'started', isTakeover: false });
  });
});
