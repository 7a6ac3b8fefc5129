import { afterEach, describe, expect, it } from 'vitest';
import { createRedisClient, type RedisClient } from '../../src/redis/index.js';
import { Policy } from '../../src/throttler/policy.js';
import { RedisStore, type ThrottleRedis } from '../../src/throttler/redis.store.js';
import { RedisServer } from '../support/redis-server.js';
import { ThrottleLoad } from '../support/throttle-load.js';
import { until } from '../support/until.js';

// Twenty clients send requests without a pause while Redis fails in several ways. No request gets an error or waits, and no
// hit is counted twice.

const running: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

function started(servers: RedisServer[]): RedisServer[] {
  running.push(...servers.map((server) => () => server.stop()));
  return servers;
}

async function clientOf(url: string): Promise<RedisClient> {
  const client = createRedisClient({ url, commandTimeoutMs: 2_000 });
  running.push(() => client.disconnect());
  await until('the client is connected', () => client.status === 'ready');
  return client;
}

async function underLoad(redis: RedisClient, fail: (load: ThrottleLoad) => Promise<void>): Promise<ThrottleLoad> {
  const load = new ThrottleLoad(redis as unknown as ThrottleRedis);
  load.begin();
  try {
    await load.more(200, 'Redis');
    await fail(load);
    await load.more(200, 'Redis');
  } finally {
    await load.end();
  }
  process.stdout.write(
    `${load.latencies.length} decisions, ${load.shared} by Redis: p50 ${load.percentile(0.5).toFixed(1)} ms, ` +
      `p99 ${load.percentile(0.99).toFixed(1)} ms, longest ${load.percentile(1).toFixed(1)} ms\n`,
  );
  expect(await load.countedTwice()).toEqual([]);
  // The median, because a machine that pauses for a moment delays all clients once, which is 1 % of the decisions or more.
  expect(load.percentile(0.5)).toBeLessThan(1_000);
  return load;
}

describe('under load', () => {
  it('a server that hangs, continues, is killed, restarts and is flushed causes no error', async () => {
    const [server] = started([await RedisServer.start()]) as [RedisServer];
    const redis = await clientOf(server.url);
    const { errors } = await underLoad(redis, async (load) => {
      server.hang();
      await load.more(500);
      await server.resume();
      await load.more(200, 'Redis');
      await server.kill();
      await load.more(500);
      await server.resume();
      await load.more(200, 'Redis');
      await redis.flushall();
      await load.more(200, 'Redis');
    });
    expect(errors).toEqual([]);
  });

  it('no answer and no count is lost when the server loses its scripts repeatedly', async () => {
    const [server] = started([await RedisServer.start()]) as [RedisServer];
    const [redis, other] = [await clientOf(server.url), await clientOf(server.url)];
    const store = new RedisStore(redis as unknown as ThrottleRedis, {
      keyPrefix: 'flushed:',
      timeoutMs: 20_000,
      blockCacheMs: 0,
    });
    const one = {
      policy: new Policy('default', 0, 'address', ''),
      key: 'client',
      cost: 1,
      windowMs: 600_000,
      blockMs: 0,
    };
    let flushes = 0;
    let allowed = 0;
    for (let round = 0; round < 20; round++) {
      const decisions = Array.from({ length: 100 }, async () => store.consume([{ ...one, limit: 777 }]));
      await other.script('FLUSH');
      flushes++;
      allowed += (await Promise.all(decisions)).filter((decision) => decision.allowed).length;
    }
    expect([flushes, allowed]).toEqual([20, 777]);
  });

  it('a Sentinel failover causes no error', async () => {
    const [master] = started([await RedisServer.start()]) as [RedisServer];
    started([await RedisServer.start([`replicaof 127.0.0.1 ${master.port}`])]);
    const sentinels = started(await RedisServer.sentinels(3, 'main', master, 1));
    const redis = await clientOf(`redis+sentinel://${sentinels.map(({ address }) => address).join(',')}/main`);
    const { errors } = await underLoad(redis, async (load) => {
      await master.kill();
      await load.more(500);
      // The master is down, so only the replica can count these.
      await load.more(200, 'Redis');
    });
    expect(errors).toEqual([]);
  });

  it('a killed master of a cluster is replaced by its replica, and causes no error', async () => {
    const nodes = started(await RedisServer.cluster(3, 1));
    const redis = await clientOf(`redis+cluster://${nodes.map(({ address }) => address).join(',')}`);
    const slots = (await redis.call('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
    const master = nodes.find(({ port }) => port === slots[0]?.[2][1]) as RedisServer;
    const { errors } = await underLoad(redis, async (load) => {
      await load.more(500, 'Redis');
      await master.kill();
      await load.more(500);
      const masters = async () => {
        const now = (await redis.call('CLUSTER', 'SLOTS').catch(() => [])) as typeof slots;
        return now.length === 3 && now.every(([, , [, port]]) => port !== master.port);
      };
      await until('the replica is the master', masters);
      // Redis counts all clients again, including those of the slots that moved.
      const store = new RedisStore(redis as unknown as ThrottleRedis, {
        keyPrefix: 'x:',
        timeoutMs: 5_000,
        blockCacheMs: 0,
      });
      const policy = new Policy('default', 0, 'address', '');
      const ask = async (key: string) =>
        (await store.consume([{ policy, key, cost: 1, limit: 9, windowMs: 60_000, blockMs: 0 }])).allowed;
      await until('all slots are served', async () => {
        const answers = Array.from({ length: 50 }, (_, i) => ask(`key ${i}`).catch(() => false));
        return !(await Promise.all(answers)).includes(false);
      });
    });
    expect(errors).toEqual([]);
  });
});
