import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { RedisServer } from '../../test/support/redis-server.js';
import { TcpProxy } from '../../test/support/tcp-proxy.js';
import { until } from '../../test/support/until.js';
import { cacheSettings, type CacheModuleOptions } from './cache.options.js';
import { CacheService } from './cache.service.js';
import { keyvOf } from './keyv-stores.js';
import { MemoryTier } from './memory.tier.js';

const started: { stop(): void }[] = [];

/** A replica's cache; those with the same prefix share what is in Redis. */
async function cacheOn(url: string | undefined, options: CacheModuleOptions = {}): Promise<CacheService> {
  const client = url === undefined ? undefined : new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0 });
  if (client) {
    client.on('error', () => undefined);
    await new Promise((resolve) => client.once('ready', resolve));
  }
  // Long, so that a Redis that is slow on a busy machine is not taken for one that is away.
  const redisOptions = { timeoutMs: 20_000, failures: 3, probeIntervalMs: 50, ...options.redisOptions };
  const cache = new CacheService(cacheSettings({ jitter: 0, ...options, redisOptions, redis: client ?? false }));
  cache.onModuleInit();
  started.push({
    stop: () => {
      cache.onApplicationShutdown();
      client?.disconnect();
    },
  });
  return cache;
}

/** A load that ends when the test calls `finish()`. */
function controlled<T>() {
  let finish: (value: T) => void = () => undefined;
  const result = new Promise<T>((resolve) => (finish = resolve));
  let calls = 0;
  const load = () => {
    calls++;
    return result;
  };
  return { load, finish: (value: T) => finish(value), calls: () => calls };
}

afterEach(() => {
  for (const replica of started.splice(0)) replica.stop();
});

describe('the cache in memory', () => {
  const request = { name: 'things', key: 'all' };

  it('loads once for a thousand concurrent callers, and returns a copy to each', async () => {
    const cache = await cacheOn(undefined);
    const { load, finish, calls } = controlled<{ list: number[] }>();
    const answers = Array.from({ length: 1_000 }, () => cache.wrap(request, load));
    finish({ list: [1] });
    const [first, second, ...others] = await Promise.all(answers);
    first?.list.push(2);
    expect(second).toEqual({ list: [1] });
    expect(others.every(({ list }) => list.length === 1)).toBe(true);
    expect(await cache.wrap(request, load)).toEqual({ list: [1] });
    expect(calls()).toBe(1);
  });

  it('stores nothing if the load fails', async () => {
    const cache = await cacheOn(undefined);
    const fail = () => Promise.reject(new Error('no'));
    const failed = await Promise.allSettled(Array.from({ length: 10 }, () => cache.wrap(request, fail)));
    expect(new Set(failed.map(({ status }) => status))).toEqual(new Set(['rejected']));
    expect(await cache.wrap(request, () => 'well')).toBe('well');
  });

  it('does not wait forever for a load that hangs', async () => {
    const cache = await cacheOn(undefined, { flightMs: 1 });
    void cache.wrap(request, () => new Promise(() => undefined));
    await sleep(5);
    expect(await cache.wrap(request, () => 'mine')).toBe('mine');
  });

  it('returns a stale result while a new one is loaded', async () => {
    const cache = await cacheOn(undefined);
    const stale = { ...request, ttlMs: 1, staleWhileRevalidateMs: 60_000 };
    let version = 0;
    const load = () => ++version;
    expect(await cache.wrap(stale, load)).toBe(1);
    await sleep(5);
    expect(await cache.lookup(stale, load)).toMatchObject({ value: 1, outcome: 'stale' });
    await until('it was loaded anew', async () => version === 2);
    expect((await cache.wrap(stale, load)) as number).toBeGreaterThanOrEqual(2);
  });

  it('returns a stale result if the load fails and staleIfErrorMs allows it', async () => {
    const cache = await cacheOn(undefined);
    const fail = () => Promise.reject(new Error('no'));
    const kept = { ...request, ttlMs: 1, staleIfErrorMs: 60_000 };
    await cache.wrap(kept, () => 'old');
    await sleep(5);
    expect(await cache.lookup(kept, fail)).toMatchObject({ value: 'old', outcome: 'stale_error' });
    await cache.wrap({ ...request, key: 'other', ttlMs: 1 }, () => 'old');
    await sleep(5);
    await expect(cache.wrap({ ...request, key: 'other', ttlMs: 1 }, fail)).rejects.toThrow('no');
  });

  it('never returns an invalidated result, not even if the load fails', async () => {
    const cache = await cacheOn(undefined);
    const kept = { ...request, tags: ['a', 'b'], staleIfErrorMs: 60_000, staleWhileRevalidateMs: 60_000 };
    await cache.wrap(kept, () => 'old');
    await cache.invalidate('b');
    await expect(cache.wrap(kept, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await cache.wrap(kept, () => 'new')).toBe('new');
  });

  it('does not keep the result of a load that was in flight at the invalidation', async () => {
    const cache = await cacheOn(undefined);
    const tagged = { ...request, tags: ['a'] };
    const { load, finish } = controlled<string>();
    const early = cache.wrap(tagged, load);
    await sleep(1);
    await cache.invalidate('a');
    finish('read before the write');
    expect(await early).toBe('read before the write');
    expect(await cache.wrap(tagged, () => 'read after it')).toBe('read after it');
  });

  it('caches null and undefined only with negativeTtlMs', async () => {
    const cache = await cacheOn(undefined);
    let calls = 0;
    const load = () => {
      calls++;
      return null;
    };
    await cache.wrap(request, load);
    await cache.wrap(request, load);
    expect(calls).toBe(2);
    const negative = { ...request, key: 'negative', negativeTtlMs: 60_000 };
    expect([await cache.wrap(negative, load), await cache.wrap(negative, load)]).toEqual([null, null]);
    expect(calls).toBe(3);
  });

  it('returns the same frozen object to all callers with the option frozen', async () => {
    const cache = await cacheOn(undefined);
    const frozen = { ...request, frozen: true };
    const source = { list: [{ a: 1 }] };
    const first = await cache.wrap(frozen, () => source);
    expect(first).toEqual(source);
    expect(await cache.wrap(frozen, () => source)).toBe(first);
    expect(() => (first.list[0] as { a: number }).a++).toThrow(TypeError);
    // What the load gave is its own.
    source.list.push({ a: 2 });
    expect((await cache.wrap(frozen, () => source)).list).toHaveLength(1);
  });

  it('copies results that cannot be frozen', async () => {
    const cache = await cacheOn(undefined);
    const frozen = { ...request, frozen: true };
    const [first, second] = [0, 0].map(() => cache.wrap(frozen, () => ({ at: new Date(0) })));
    (await first)?.at.setTime(5);
    expect((await second)?.at.getTime()).toBe(0);
  });

  it('does not exceed its limits', async () => {
    const cache = await cacheOn(undefined, { maxEntries: 3 });
    const load = (key: string) => cache.lookup({ name: 'things', key }, () => key);
    for (const key of ['a', 'b', 'c', 'a', 'd']) await load(key);
    // The one used least recently had to go.
    expect((await load('a')).outcome).toBe('hit_memory');
    expect((await load('b')).outcome).toBe('miss');
  });

  it('returns results that it cannot store, and restores instances with revive', async () => {
    class User {
      constructor(readonly name: string) {}
    }
    const cache = await cacheOn(undefined);
    const load = () => new User('ada');
    await cache.wrap(request, load);
    expect(await cache.lookup(request, load)).toMatchObject({ outcome: 'uncacheable', value: new User('ada') });
    const revived = { ...request, key: 'revived', revive: ({ name }: User) => new User(name) };
    await cache.wrap(revived, load);
    const again = await cache.lookup(revived, load);
    expect(again.outcome).toBe('hit_memory');
    expect(again.value).toBeInstanceOf(User);
  });
});

describe('the caches of two replicas', () => {
  const replicas = (options: CacheModuleOptions = {}) => {
    const shared = { keyPrefix: `${randomUUID()}:`, ...options };
    return Promise.all([cacheOn(inject('redisUrl'), shared), cacheOn(inject('redisUrl'), shared)]);
  };

  it('load a result once among all replicas', async () => {
    const [one, other] = await replicas();
    const { load, finish, calls } = controlled<string>();
    const request = { name: 'things', key: 'all' };
    const answers = Array.from({ length: 200 }, (_, i) => (i % 2 ? one : other).wrap(request, load));
    await until('the load has begun', () => calls() > 0);
    await sleep(50);
    finish('loaded');
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['loaded']));
    expect(calls()).toBe(1);
  });

  it('continue when the load of another replica fails', async () => {
    const [one, other] = await replicas();
    const request = { name: 'things', key: 'all' };
    let fail: ((error: Error) => void) | undefined;
    const failing = one.wrap(request, () => new Promise((_resolve, reject) => (fail = reject)));
    failing.catch(() => undefined);
    await until('the load has begun', () => fail !== undefined);
    const waiting = other.wrap(request, () => 'well');
    // It may find the lock taken meanwhile; if it comes later, it has nothing to wait for.
    await sleep(30);
    fail?.(new Error('no'));
    await expect(failing).rejects.toThrow('no');
    expect(await waiting).toBe('well');
  });

  it('receive the invalidations of each other', async () => {
    const [one, other] = await replicas();
    const request = { name: 'things', key: 'all', tags: ['things'] };
    await one.wrap(request, () => 'old');
    expect((await other.lookup(request, () => 'never')).outcome).toBe('hit_redis');
    expect((await other.lookup(request, () => 'never')).outcome).toBe('hit_memory');
    await one.invalidate('things');
    await until('the other replica loads again', async () => (await other.wrap(request, () => 'new')) === 'new');
    expect(await one.wrap(request, () => 'never')).toBe('new');
  });

  it('do not keep the result of a load during which another replica invalidated it', async () => {
    const [one, other] = await replicas();
    const request = { name: 'things', key: 'all', tags: ['things'] };
    const { load, finish, calls } = controlled<string>();
    const early = one.wrap(request, load);
    await until('the load has begun', () => calls() === 1);
    await other.invalidate('things');
    finish('read before the write');
    await early;
    expect(await other.wrap(request, () => 'read after it')).toBe('read after it');
    await until(
      'the first replica receives the message',
      async () => (await one.wrap(request, () => 'x')) === 'read after it',
    );
  });

  it('work on a cluster', async () => {
    const nodes = await RedisServer.cluster(3);
    const { Cluster } = await import('ioredis');
    const cluster = new Cluster([{ host: '127.0.0.1', port: nodes[0]?.port ?? 0 }], { enableOfflineQueue: false });
    await new Promise((resolve) => cluster.once('ready', resolve));
    const cache = new CacheService(cacheSettings({ redis: cluster, redisOptions: { timeoutMs: 2_000 } }));
    cache.onModuleInit();
    try {
      for (let i = 0; i < 20; i++) {
        const request = { name: 'things', key: String(i), tags: ['things', `thing:${i}`] };
        expect(await cache.wrap(request, () => i)).toBe(i);
      }
      await cache.invalidate('things', 'thing:1');
      expect(await cache.wrap({ name: 'things', key: '1', tags: ['things', 'thing:1'] }, () => 'new')).toBe('new');
      const stores = keyvOf(new MemoryTier({ maxEntries: 100, maxBytes: 1e6 }), cache, 60_000);
      for (let i = 0; i < 20; i++) await stores.set(String(i), i);
      await stores.clear();
      expect(await stores.get('1')).toBeUndefined();
      const left = async () =>
        (await Promise.all(cluster.nodes('master').map((node) => node.keys('*keyv:*:*')))).flat().length;
      await until('no server of the cluster has any of them', async () => (await left()) === 0);
      expect(cache.isFallingBack).toBe(false);
    } finally {
      cache.onApplicationShutdown();
      cluster.disconnect();
      for (const node of nodes) await node.stop();
    }
  });
});

describe('the stores of CACHE_MANAGER', () => {
  const storesOf = async (url: string | undefined, keyPrefix = `${randomUUID()}:`) => {
    const cache = await cacheOn(url, { keyPrefix });
    return keyvOf(new MemoryTier({ maxEntries: 100, maxBytes: 1e6 }), cache, 60_000);
  };

  it('are cleared on all replicas, without deleting keys of other applications', async () => {
    const [ours, others] = [`${randomUUID()}[*]:`, `${randomUUID()}:`];
    const [one, other] = await Promise.all([storesOf(inject('redisUrl'), ours), storesOf(inject('redisUrl'), ours)]);
    const neighbour = await storesOf(inject('redisUrl'), others);
    const redis = new Redis(inject('redisUrl'));
    const alien = `${ours.replace('[*]', '*')}keyv:alien`;
    await redis.set(alien, 'stays', 'PX', 60_000);
    await Promise.all(Array.from({ length: 1_500 }, (_, i) => one.set(`key ${i}`, i)));
    await neighbour.set('a', 'stays');
    expect(await other.get('key 7')).toBe(7);

    await one.clear();
    expect(await one.get('key 7')).toBeUndefined();
    await until('the other replica receives the message', async () => (await other.get('key 7')) === undefined);
    await one.set('key 7', 'new');
    expect(await other.get('key 7')).toBe('new');
    const kept = async () => (await redis.keys('*')).filter((key) => key.startsWith(`${ours}keyv:`)).length;
    await until('the old values are deleted', async () => (await kept()) === 1);
    expect(await neighbour.get('a')).toBe('stays');
    expect(await redis.get(alien)).toBe('stays');
    redis.disconnect();
  });

  it('are cleared in memory if there is no Redis', async () => {
    const store = await storesOf(undefined);
    await store.set('a', 1);
    expect(await store.get('a')).toBe(1);
    await store.clear();
    expect(await store.get('a')).toBeUndefined();
  });
});

describe('an outage of Redis', () => {
  let server: RedisServer;
  beforeAll(async () => (server = await RedisServer.start()));
  afterAll(() => server.stop());

  it('fails and delays no call, and loses no invalidation', async () => {
    const options = { keyPrefix: 'outage:', redisOptions: { timeoutMs: 100 }, lockMs: 300 };
    const [one, other] = await Promise.all([cacheOn(server.url, options), cacheOn(server.url, options)]);
    const request = { name: 'things', key: 'all', tags: ['things'] };
    await until('it is stored', async () => (await one.lookup(request, () => 'old')).outcome === 'hit_memory');

    await keyvOf(new MemoryTier({ maxEntries: 100, maxBytes: 1e6 }), other, 60_000).set('before the outage', 1);

    server.hang();
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => one.wrap({ name: 'things', key: `hung ${i}` }, () => i)),
    );
    expect(answers).toEqual(Array.from({ length: 200 }, (_, i) => i));
    await until('Redis is not used', () => one.isFallingBack);
    expect(await one.wrap(request, () => 'never')).toBe('old');
    await one.invalidate('things');
    expect(await one.wrap(request, () => 'newer')).toBe('newer');

    const stores = keyvOf(new MemoryTier({ maxEntries: 100, maxBytes: 1e6 }), one, 60_000);
    await stores.set('during the outage', 1);
    expect(await stores.get('during the outage')).toBe(1);
    expect(await stores.get('before the outage')).toBeUndefined();
    await stores.clear();
    expect(await stores.get('during the outage')).toBeUndefined();

    await server.resume();
    await until('Redis is used again', () => !one.isFallingBack);
    await until('the other replicas receive that all was cleared', async () => {
      const others = keyvOf(new MemoryTier({ maxEntries: 100, maxBytes: 1e6 }), other, 60_000);
      return (await others.get('before the outage')) === undefined;
    });
    // Had the invalidation been lost, Redis would still have the old one for the other replica.
    await until(
      'the other replica receives the message',
      async () => (await other.wrap(request, () => 'newest')) !== 'old',
    );

    await server.kill();
    expect(await other.wrap({ name: 'things', key: 'killed' }, () => 'loaded')).toBe('loaded');
    await until('Redis is not used', async () => {
      await other.wrap({ name: 'things', key: randomUUID() }, () => 1);
      return other.isFallingBack;
    });
    await server.resume();
    await until('Redis is used again', () => !other.isFallingBack);
  });

  it('of one replica keeps no entry that another replica invalidates meanwhile', async () => {
    const proxy = await TcpProxy.to(server.url);
    await proxy.open();
    const options = { keyPrefix: 'alone:', redisOptions: { timeoutMs: 100 } };
    const [one, other] = await Promise.all([cacheOn(proxy.url, options), cacheOn(server.url, options)]);
    const request = { name: 'things', key: 'all', tags: ['things'] };
    await until('it is stored', async () => (await one.lookup(request, () => 'old')).outcome === 'hit_memory');

    await proxy.close();
    await one.invalidate('things');
    expect(await one.wrap(request, () => 'read before the change')).toBe('read before the change');
    await other.invalidate('things');
    await proxy.open();
    await until('Redis is used again', () => !one.isFallingBack && one.versions.pendingInvalidations === 0);
    await until('the change is read', async () => (await one.wrap(request, () => 'new')) === 'new', {
      withinMs: 10_000,
    });
    await proxy.close();
  });

  it('loses no invalidation if more are pending than the queue holds', async () => {
    const options = { keyPrefix: 'many:', redisOptions: { timeoutMs: 100 } };
    const [one, other] = await Promise.all([cacheOn(server.url, options), cacheOn(server.url, options)]);
    const request = { name: 'things', key: 'all', tags: ['things'] };
    await until('it is stored', async () => (await one.lookup(request, () => 'old')).outcome === 'hit_memory');
    expect(await other.wrap(request, () => 'never')).toBe('old');

    server.hang();
    await until('Redis is not used', async () => {
      await one.wrap({ name: 'things', key: randomUUID() }, () => 1);
      return one.isFallingBack;
    });
    await one.invalidate('things');
    await one.invalidate(...Array.from({ length: 10_000 }, (_, i) => `thing ${i}`));
    expect(await one.wrap(request, () => 'newer')).toBe('newer');

    await server.resume();
    await until('none is pending', () => !one.isFallingBack && one.versions.pendingInvalidations === 0);
    await until(
      'the other replica receives the message',
      async () => (await other.wrap(request, () => 'newest')) !== 'old',
    );
  });
});
