import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisServer } from '../../test/support/redis-server.js';
import { until } from '../../test/support/until.js';
import { FallbackStore } from './fallback.store.js';
import { MemoryStore } from './memory.store.js';
import { Policy, type Hit, type ThrottleFallback } from './policy.js';
import { RedisStore } from './redis.store.js';

const policyWith = (fallback: ThrottleFallback) =>
  new Policy(fallback, ['local', 'open', 'closed'].indexOf(fallback), 'address', '', 'sliding-window', fallback);
const local = policyWith('local');
const hit = (policy = local, over: Partial<Hit> = {}): Hit => ({
  policy,
  key: 'client',
  cost: 1,
  limit: 10,
  windowMs: 60_000,
  blockMs: 0,
  ...over,
});

describe('a shared store that fails', () => {
  let server: RedisServer;
  let redis: Redis;
  let store: FallbackStore;
  let changes: string[];
  let failures: number;

  const start = (timeoutMs: number, probeIntervalMs = 50) => {
    const options = { keyPrefix: 'test:', timeoutMs, blockCacheMs: 0 };
    store?.stop();
    store = new FallbackStore(new RedisStore(redis, options), new MemoryStore({ maxKeys: 1_000 }), {
      timeoutMs,
      failures: 3,
      probeIntervalMs,
      replicas: 2,
      onFailure: () => void failures++,
      onChange: (isFallingBack) => void changes.push(isFallingBack ? 'open' : 'closed'),
    });
  };
  const times = async (count: number, one = hit()) => {
    const decisions = [];
    for (let i = 0; i < count; i++) decisions.push((await store.consume([one])).allowed);
    return decisions;
  };

  beforeEach(async () => {
    [changes, failures] = [[], 0];
    server = await RedisServer.start();
    redis = new Redis(server.url, { enableOfflineQueue: false, maxRetriesPerRequest: 0, retryStrategy: () => 50 });
    redis.on('error', () => undefined);
    await until('the client is connected', () => redis.status === 'ready');
    start(1_000);
  });
  afterEach(async () => {
    store.stop();
    redis.disconnect();
    await server.stop();
  });

  it('is not used after it was killed: each process counts its share, which is written back and stays counted', async () => {
    expect(await times(4)).toEqual([true, true, true, true]);
    await server.kill();
    // The limit of ten is divided by two replicas.
    expect((await times(8)).filter(Boolean)).toHaveLength(5);
    expect(changes).toEqual(['open']);
    expect(failures).toBe(3);
    await server.resume();
    await until('the shared store is used again', () => !store.isFallingBack);
    expect(changes).toEqual(['open', 'closed']);
    // The killed server has lost its four hits; the five of this process were written back.
    expect((await times(11)).filter(Boolean)).toHaveLength(5);
    // The next outage gives no new share.
    await server.kill();
    expect((await times(8)).filter(Boolean)).toHaveLength(0);
  });

  it('is not used while it hangs, and does not count afterwards what a process has decided', async () => {
    // One second is enough for an answer on a busy machine, and too short for a server that hangs. These answers tell the
    // clock of the server.
    await times(3);
    server.hang();
    const decisions = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => store.consume([hit(local, { key: `k${i % 10}` })])),
    );
    expect(decisions).toHaveLength(50);
    expect(store.isFallingBack).toBe(true);
    expect(await times(1)).toEqual([true]);
    await server.resume();
    await until('the shared store is used again', () => !store.isFallingBack);
    const [verdict] = (await store.consume([hit()])).verdicts;
    // Three counted by the server, one counted meanwhile, and this one.
    expect(verdict?.remaining).toBe(5);
    for (let i = 0; i < 10; i++) {
      const [other] = (await store.consume([hit(local, { key: `k${i}` })])).verdicts;
      // Five counted meanwhile, each once, and this one.
      expect(other?.remaining, `k${i}`).toBe(4);
    }
  });

  it('causes no wait while it is not used', async () => {
    start(60, 100_000);
    server.hang();
    await Promise.all([times(1), times(1), times(1)]);
    expect(store.isFallingBack).toBe(true);
    expect(store.consume([hit()])).not.toBeInstanceOf(Promise);
  });

  it('is replaced by the fallback of each tier: local, open or closed', async () => {
    await server.kill();
    await times(3);
    expect((await times(12, hit(policyWith('open')))).every(Boolean)).toBe(true);
    expect(await store.consume([hit(), hit(policyWith('closed'))])).toMatchObject({
      allowed: false,
      isUnavailable: true,
      verdicts: [{ allowed: true }, { allowed: false, waitMs: 5_000 }],
    });
    // A limit of one stays one.
    expect(await times(2, hit(local, { key: 'one', limit: 1 }))).toEqual([true, false]);
  });

  it('causes no error under load, whatever happens to it', async () => {
    const work = { isOn: true, decided: 0 };
    const clients = Array.from({ length: 20 }, async (_, i) => {
      while (work.isOn) {
        await store.consume([hit(local, { key: `c${i}`, limit: 1_000_000 })]);
        work.decided++;
        await new Promise(setImmediate);
      }
    });
    const more = async () => {
      const before = work.decided;
      await until('decisions go on', () => work.decided > before + 100);
    };
    await more();
    server.hang();
    await more();
    await server.resume();
    await more();
    await server.kill();
    await more();
    await server.resume();
    await until('the shared store is used again', () => !store.isFallingBack);
    await redis.flushall();
    await more();
    work.isOn = false;
    await expect(Promise.all(clients)).resolves.toHaveLength(20);
  });
});
