import { randomUUID } from 'node:crypto';
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { amountOf } from '../../test/support/long-form.js';
import { RedisServer } from '../../test/support/redis-server.js';
import { randomFrom, ThrottleModel } from '../../test/support/throttle-model.js';
import { Policy, type Hit } from './policy.js';
import { VALUES_BEFORE_HITS, VALUES_PER_HIT, SCRIPT, SCRIPT_SHA } from './redis-script.js';
import { RedisStore, type RedisStoreOptions, type ThrottleRedis } from './redis.store.js';

const EVENTS = amountOf('THROTTLE_TEST_EVENTS', { short: 20_000, long: 1_000_000 });
const BATCH = 200;

const policy = new Policy('default', 0, 'address', '');
const other = new Policy('other', 1, 'user', '');
const hit = (over: Partial<Hit> = {}): Hit => ({
  policy,
  key: 'client',
  cost: 1,
  limit: 10,
  windowMs: 60_000,
  blockMs: 0,
  ...over,
});

/** A long time limit, so that a busy machine changes nothing. */
function storeOn(redis: ThrottleRedis, options: Partial<RedisStoreOptions> = {}): RedisStore {
  return new RedisStore(redis, { keyPrefix: `${randomUUID()}:`, timeoutMs: 20_000, blockCacheMs: 0, ...options });
}

/** Counts the calls that reach Redis. */
function counting(redis: Redis) {
  const calls = { count: 0 };
  const client: ThrottleRedis = {
    evalsha: (...args) => {
      calls.count++;
      return redis.evalsha(...args);
    },
    eval: (...args) => {
      calls.count++;
      return redis.eval(...args);
    },
    del: (key) => redis.del(key),
  };
  return { calls, client };
}

describe('the counters in Redis', () => {
  let redis: Redis;
  beforeAll(() => void (redis = new Redis(inject('redisUrl'))));
  afterAll(() => redis.quit());

  it(
    `give the same answers as the model over ${EVENTS} events, by the clock of the server`,
    { tags: 'long', timeout: 600_000 },
    async () => {
      const random = randomFrom(42);
      const model = new ThrottleModel();
      const prefix = randomUUID();
      const limits = [
        { name: 'sliding', limit: 25, windowMs: 60, blockMs: 0, isFixed: false },
        { name: 'fixed', limit: 20, windowMs: 45, blockMs: 0, isFixed: true },
        { name: 'blocking', limit: 12, windowMs: 30, blockMs: 20, isFixed: false },
      ];
      const differences: unknown[] = [];
      const allowed = { count: 0 };
      await redis.script('LOAD', SCRIPT);
      for (let asks = 0; asks < EVENTS; asks += BATCH) {
        const asked = Array.from({ length: BATCH }, () => {
          const limit = limits[random(3)] as (typeof limits)[number];
          return { ...limit, key: `{${prefix}}${limit.name}${random(4)}`, cost: random(6) === 0 ? 1 + random(4) : 1 };
        });
        // One connection answers in the order of its commands.
        const answers = await Promise.all(
          asked.map(({ key, limit, windowMs, cost, blockMs, isFixed }) =>
            redis.evalsha(SCRIPT_SHA, 1, key, 0, limit, windowMs, cost, blockMs, isFixed ? 1 : 0),
          ),
        );
        asked.forEach((one, i) => {
          const [now = 0, isAllowed, ...verdict] = answers[i] as number[];
          const expected = model.ask(one.key, now, one, true);
          if (expected.allowed) allowed.count++;
          if ((isAllowed === 1) !== expected.allowed || verdict[1] !== expected.remaining) {
            differences.push({ one, now, expected, isAllowed, verdict });
          }
        });
      }
      expect(differences).toEqual([]);
      // The exact number depends on the speed of the machine: on a slow one, windows end between two batches.
      expect(allowed.count).toBeGreaterThan(BATCH);
      expect(EVENTS - allowed.count).toBeGreaterThan(BATCH);
    },
  );

  it('check all policies in one call, and count nothing where one of them refuses', async () => {
    const { calls, client } = counting(redis);
    const store = storeOn(client);
    await store.consume([hit()]);
    calls.count = 0;
    const both = [hit({ limit: 100 }), hit({ policy: other, limit: 1 })];
    expect((await store.consume(both)).allowed).toBe(true);
    for (let i = 0; i < 5; i++) expect((await store.consume(both)).allowed).toBe(false);
    expect(calls.count).toBe(6);
    expect((await store.consume([hit({ limit: 100 })])).verdicts[0]?.remaining).toBe(97);
  });

  it('answer whole numbers and the same waits as the counters in memory', async () => {
    const store = storeOn(redis);
    const one = hit({ windowMs: 600_000 });
    for (let i = 0; i < 10; i++) expect((await store.consume([one])).verdicts[0]?.remaining).toBe(9 - i);
    const [verdict] = (await store.consume([one])).verdicts;
    expect(verdict).toMatchObject({ allowed: false, remaining: 0, limit: 10 });
    // Until the end of the window, and then until the first of the ten hits has no weight; minus the time that has passed.
    expect(verdict?.waitMs).toBeGreaterThan(600_000);
    expect(verdict?.waitMs).toBeLessThanOrEqual(660_000);
  });

  it('share a limit exactly among replicas whose clocks are hours apart', async () => {
    const keyPrefix = `${randomUUID()}:`;
    const hour = 3_600_000;
    const stores = [0, hour, -hour].map((skew) => storeOn(redis, { keyPrefix, now: () => Date.now() + skew }));
    const decisions = await Promise.all(
      Array.from({ length: 300 }, async (_, i) => (await stores[i % 3]?.consume([hit({ limit: 100 })]))?.allowed),
    );
    expect(decisions.filter(Boolean)).toHaveLength(100);
  });

  it('do not count a request whose deadline has passed', async () => {
    const keyPrefix = `${randomUUID()}:`;
    const clock = { offset: 0 };
    const late = storeOn(redis, { keyPrefix, timeoutMs: 50, now: () => Date.now() + clock.offset });
    await late.consume([hit()]);
    // As if the command had waited ten seconds in a server that hung: its deadline has passed when the script runs.
    const slow: ThrottleRedis = {
      evalsha: (sha, count, ...args) => {
        clock.offset += 10_000;
        return redis.evalsha(sha, count, ...args.map((arg, i) => (i === count ? Number(arg) - 10_000 : arg)));
      },
      eval: (...args) => redis.eval(...args),
      del: (key) => redis.del(key),
    };
    Object.assign(late, { redis: slow });
    await expect(late.consume([hit()])).rejects.toThrow(/did not decide in time/);
    expect((await storeOn(redis, { keyPrefix }).consume([hit()])).verdicts[0]?.remaining).toBe(8);
  });

  it('still work after the server has lost its scripts, and after it has lost its data', async () => {
    const server = await RedisServer.start();
    const client = new Redis(server.url);
    try {
      const store = storeOn(client);
      for (let i = 0; i < 11; i++) await store.consume([hit()]);
      await client.script('FLUSH');
      expect((await store.consume([hit()])).allowed).toBe(false);
      await client.flushall();
      expect((await store.consume([hit()])).allowed).toBe(true);
    } finally {
      client.disconnect();
      await server.stop();
    }
  });

  it('count a charge once, however often it is sent, even above the limit', async () => {
    const store = storeOn(redis);
    for (let i = 0; i < 9; i++) await store.consume([hit()]);
    const charge = { id: randomUUID(), policy, key: 'client', windowMs: 60_000, cost: 5, ageMs: 10 };
    await Promise.all([store.charge(charge), store.charge(charge)]);
    await store.charge(charge);
    expect((await store.consume([hit()])).allowed).toBe(false);
    await store.charge({ ...charge, id: randomUUID(), cost: -5 });
    expect((await store.consume([hit()])).verdicts[0]).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('give a charge on an empty counter the window of its hits', async () => {
    const store = storeOn(redis);
    await store.charge({ id: randomUUID(), policy, key: 'client', windowMs: 600_000, cost: 3, ageMs: 400_000 });
    const [verdict] = (await store.consume([hit({ windowMs: 600_000 })])).verdicts;
    expect(verdict?.remaining).toBe(6);
    expect(verdict?.resetMs).toBeGreaterThan(0);
    expect(verdict?.resetMs).toBeLessThanOrEqual(200_000);
  });

  it('keep no key for an attempt that was refunded', async () => {
    const keyPrefix = `${randomUUID()}:`;
    const store = storeOn(redis, { keyPrefix });
    for (let i = 0; i < 20; i++) {
      const attempt = [hit({ key: `made up ${i}` })];
      await store.consume(attempt);
      await store.refund(attempt);
    }
    const charge = { policy, key: 'made up', windowMs: 60_000, ageMs: 0 };
    await store.charge({ ...charge, id: 'a', cost: 1 });
    await store.charge({ ...charge, id: 'b', cost: -1 });
    const keys = await redis.keys(`${keyPrefix}*`);
    // The markers of the two charges, which expire within a minute.
    expect(keys.filter((key) => !/:[ab]$/.test(key))).toEqual([]);
  });

  it('expire when their windows have ended', async () => {
    const keyPrefix = `${randomUUID()}:`;
    const store = storeOn(redis, { keyPrefix });
    for (let i = 0; i < 3; i++) await store.consume([hit({ limit: 1, blockMs: 30_000 })]);
    const keys = await redis.keys(`${keyPrefix}*`);
    expect(keys).toHaveLength(1);
    const lifeMs = await redis.pttl(keys[0] ?? '');
    expect(lifeMs).toBeGreaterThan(0);
    // Two windows, and one second because Redis expires keys by a less exact clock.
    expect(lifeMs).toBeLessThanOrEqual(121_000);
  });

  it('keep a flood of refused requests away from Redis, and can be unblocked', async () => {
    const { calls, client } = counting(redis);
    const store = storeOn(client, { blockCacheMs: 60_000 });
    for (let i = 0; i < 11; i++) await store.consume([hit()]);
    calls.count = 0;
    for (let i = 0; i < 1_000; i++) {
      const decision = store.consume([hit()]);
      expect(decision).not.toBeInstanceOf(Promise);
      expect(await decision).toMatchObject({ allowed: false, verdicts: [{ remaining: 0 }] });
    }
    expect(calls.count).toBe(0);
    await store.unblock(policy, 'client');
    expect((await store.consume([hit()])).allowed).toBe(true);
  });

  it('ask Redis again when a request costs less than the refused one', async () => {
    const store = storeOn(redis, { blockCacheMs: 60_000 });
    await store.consume([hit({ cost: 8 })]);
    expect((await store.consume([hit({ cost: 5 })])).allowed).toBe(false);
    expect((await store.consume([hit({ cost: 2 })])).allowed).toBe(true);
  });

  it('can be refunded', async () => {
    const store = storeOn(redis);
    await store.consume([hit({ cost: 10 })]);
    await store.refund([hit({ cost: 4 })]);
    expect((await store.consume([hit()])).verdicts[0]?.remaining).toBe(3);
  });

  it('accept keys with any characters and of any length', async () => {
    const store = storeOn(redis);
    for (const key of ['', '}', '{}', '{a}b', 'a b\n', 'ключ', 'x'.repeat(100_000)]) {
      expect((await store.consume([hit({ key, limit: 1 })])).allowed).toBe(true);
      expect((await store.consume([hit({ key, limit: 1 })])).allowed).toBe(false);
    }
  });
});

describe('the counters in a cluster', () => {
  let nodes: RedisServer[];
  let cluster: Cluster;
  beforeAll(async () => {
    nodes = await RedisServer.cluster(3);
    cluster = new Cluster(nodes.map(({ port }) => ({ host: '127.0.0.1', port })));
  });
  afterAll(async () => {
    cluster.disconnect();
    await Promise.all(nodes.map((node) => node.stop()));
  });

  it('are in one slot for one client, and count all or nothing for several clients', async () => {
    const store = storeOn(cluster);
    const scoped = new Policy('strict', 2, 'address', 'Things.one/things');
    for (const key of ['a', 'b', 'c', '}{', '10.0.0.1']) {
      const hits = [hit({ key }), hit({ key, policy: scoped, limit: 1 })];
      expect((await store.consume(hits)).allowed).toBe(true);
      expect((await store.consume(hits)).allowed).toBe(false);
      expect((await store.consume([hit({ key })])).verdicts[0]?.remaining).toBe(8);
    }
    const twoClients = [hit({ key: 'address' }), hit({ key: 'user', policy: other, limit: 1 })];
    expect((await store.consume(twoClients)).allowed).toBe(true);
    for (let i = 0; i < 3; i++) expect((await store.consume(twoClients)).allowed).toBe(false);
    expect((await store.consume([hit({ key: 'address' })])).verdicts[0]?.remaining).toBe(8);
  });

  it('need a common hash tag: without it the cluster rejects the call', async () => {
    await expect(cluster.eval(SCRIPT, 2, 'a', 'b', 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0)).rejects.toThrow(
      /CROSSSLOT|same slot/i,
    );
    expect(VALUES_BEFORE_HITS + VALUES_PER_HIT).toBe(6);
  });
});
