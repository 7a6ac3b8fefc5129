import { afterEach, describe, expect, it } from 'vitest';
import { createRedisClient, type RedisClient } from '../../src/redis/index.js';
import { Policy } from '../../src/throttler/policy.js';
import { RedisStore, type ThrottleRedis } from '../../src/throttler/redis.store.js';
import { RedisServer } from '../support/redis-server.js';
import { ThrottleLoad } from '../support/throttle-load.js';
import { until } from '../support/until.js';

// What happens to Redis while twenty clients ask without a break: nobody gets an error, nobody waits, nothing is counted
// twice.

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

async function underLoad(redis: RedisClient, happens: (load: ThrottleLoad) => Promise<void>): Promise<ThrottleLoad> {
  const load = new ThrottleLoad(redis as unknown as ThrottleRedis);
  load.begin();
  try {
    await load.more(200, 'Redis');
    await happens(load);
    await load.more(200, 'Redis');
  } finally {
    await load.end();
  }
  process.stdout.write(
    `${load.latencies.length} decisions, ${load.shared} by Redis: p50 ${load.percentile(0.5).toFixed(1)} ms, ` +
      `p99 ${load.percentile(0.99).toFixed(1)} ms, longest ${load.percentile(1).toFixed(1)} ms\n`,
  );
  expect(await load.countedTwice()).toEqual([]);
  // Most: a machine that stands still for a moment holds up all clients once, which is a hundredth of the decisions and more.
  expect(load.percentile(0.5)).toBeLessThan(1_000);
  return load;
}

describe('under load', () => {
  it('a server that hangs, wakes up, is killed, started anew and flushed shows to nobody', async () => {
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

  it('scripts that are lost again and again cost neither an answer nor a count', async () => {
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

  it('a Sentinel failover shows to nobody', async () => {
    const [master] = started([await RedisServer.start()]) as [RedisServer];
    started([await RedisServer.start([`replicaof 127.0.0.1 ${master.port}`])]);
    const sentinels = started(await RedisServer.sentinels(3, 'main', master, 1));
    const redis = await clientOf(`redis+sentinel://${sentinels.map(({ address }) => address).join(',')}/main`);
    const { errors } = await underLoad(redis, async (load) => {
      await master.kill();
      await load.more(500);
      // With the master gone, only the replica can count these.
      await load.more(200, 'Redis');
    });
    expect(errors).toEqual([]);
  });

  it('a master of a cluster that is killed is followed by its replica, and shows to nobody', async () => {
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
      // All clients, those of the slots that moved among them, are counted by Redis again.
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
