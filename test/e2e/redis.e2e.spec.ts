import type { Duplex } from 'node:stream';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Cluster } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { createRedisClient, InjectRedis, RedisModule, type RedisClient } from '../../src/redis/index.js';
import { CertificateAuthority } from '../support/certificates.js';
import { testFolder } from '../support/folder.js';
import { TestApp } from '../support/harness.js';
import { freePort } from '../support/ports.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

@Injectable()
class Holder {
  constructor(@InjectRedis() readonly redis: RedisClient | undefined) {}
}

@Module({ providers: [Holder] })
class HolderModule {}

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  // Stops the application first, while its servers still answer.
  for (const one of running.splice(0).reverse()) await one.stop();
});

function stopLater<T extends { stop(): Promise<void> }>(one: T): T {
  running.push(one);
  return one;
}

async function server(config?: string[]): Promise<RedisServer> {
  return stopLater(await RedisServer.start(config));
}

/** The application, with the client that its modules get. On a busy machine a short timeout could expire without a fault. */
async function start(url: string, env: Record<string, string> = { REDIS_COMMAND_TIMEOUT: '2s' }) {
  const app = stopLater(await TestApp.start({ REDIS_URL: url, ...env }, { imports: [HolderModule] }));
  const { redis } = app.app.get(Holder);
  if (!redis) throw new Error('the application got no Redis client');
  const lines = () => app.logs.filter(({ context }) => context === 'Redis').map(({ msg }) => msg);
  return { app, redis, lines };
}

async function health(app: TestApp) {
  const { status, body } = await app.get('/health');
  return { status, overall: body.status as string, redis: body.details.redis?.status as string | undefined };
}

/** How long a promise took to settle, and with what error. */
async function failureOf(promise: Promise<unknown>): Promise<{ message: string; tookMs: number }> {
  const started = performance.now();
  const message = await promise.then(
    () => 'no failure',
    (error: Error) => error.message,
  );
  return { message, tookMs: performance.now() - started };
}

/** Well above the command timeouts. A command in a queue would wait longer, until the server comes back. */
const AT_ONCE_MS = 20_000;
/** On a busy machine the start can block the event loop so long that health reports it once. */
const PATIENTLY = { timeout: 30_000 };

it('without REDIS_URL, modules get no client and health has no check for Redis', async () => {
  const app = stopLater(await TestApp.start({}, { imports: [HolderModule] }));
  expect(app.app.get(Holder).redis).toBeUndefined();
  await expect.poll(() => health(app), PATIENTLY).toEqual({ status: 200, overall: 'ok', redis: undefined });
});

it('one node: commands work from the start, in the database and as the user of the URL', async () => {
  const { address } = await server(['user app on >p:a@s/s ~* +@all', 'requirepass other']);
  const { app, redis } = await start(`redis://app:p:a%40s%2Fs@${address}/3`);
  expect(await redis.set('greeting', 'hello')).toBe('OK');
  expect(await redis.call('ACL', 'WHOAMI')).toBe('app');
  expect(await redis.call('CLIENT', 'INFO')).toContain(' db=3 ');
  await expect.poll(() => health(app), PATIENTLY).toEqual({ status: 200, overall: 'ok', redis: 'up' });
});

it('the client is connected before any module can use it', async () => {
  const redisModule = RedisModule.forRoot({ url: (await server()).url });
  const context = await NestFactory.createApplicationContext(
    { module: HolderModule, imports: [redisModule] },
    { logger: false },
  );
  expect(context.get(Holder).redis?.status).toBe('ready');
  await context.close();
});

it('a wrong password degrades health and is logged without the password', async () => {
  const { address } = await server(['requirepass right']);
  const { app, redis, lines } = await start(`redis://:hush@${address}`);
  await expect(redis.ping()).rejects.toThrow("Stream isn't writeable");
  expect(await health(app)).toMatchObject({ status: 200, overall: 'degraded', redis: 'degraded' });
  expect(lines()).toEqual([expect.stringMatching(/^Redis is not reachable: WRONGPASS (?!.*hush)/)]);
});

it('Redis that is down at start: the application starts degraded, and uses Redis once it is reachable', async () => {
  const redisServer = await server();
  await redisServer.kill();
  const { app, redis, lines } = await start(redisServer.url);
  const { message, tookMs } = await failureOf(redis.ping());
  expect(message).toContain("Stream isn't writeable");
  expect(tookMs).toBeLessThan(AT_ONCE_MS);
  expect(await health(app)).toEqual({ status: 200, overall: 'degraded', redis: 'degraded' });
  expect((await app.get('/health/ready')).status).toBe(200);

  await redisServer.resume();
  await until('the client is connected', () => redis.status === 'ready');
  expect(await redis.ping()).toBe('PONG');
  expect(lines()).toEqual([
    expect.stringMatching(/^Redis is not reachable: .*ECONNREFUSED/),
    'Redis is reachable again',
  ]);
});

it('Redis that stops: commands fail at once, even those in flight, and work after its restart; two lines are logged', async () => {
  const redisServer = await server();
  const { app, redis, lines } = await start(redisServer.url);
  // Holds an answer back, so that a command is in flight when the server ends.
  await redis.call('CLIENT', 'PAUSE', '60000', 'ALL');
  const inFlight = failureOf(redis.get('key'));
  await redisServer.kill();
  expect((await inFlight).tookMs).toBeLessThan(AT_ONCE_MS);
  for (let attempt = 0; attempt < 20; attempt++) {
    const { message, tookMs } = await failureOf(redis.set('attempt', attempt));
    expect(message).not.toBe('no failure');
    expect(tookMs).toBeLessThan(AT_ONCE_MS);
  }
  expect(await health(app)).toEqual({ status: 200, overall: 'degraded', redis: 'degraded' });

  await redisServer.resume();
  await until('the client is connected again', () => redis.status === 'ready');
  expect(await redis.get('attempt')).toBeNull();
  expect(lines()).toEqual([expect.stringMatching(/^Redis is not reachable: /), 'Redis is reachable again']);
});

it('Redis that stops and is back before the first retry: two lines are logged as well', async () => {
  const redisServer = await server();
  const { redis, lines } = await start(redisServer.url);
  await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no').catch(() => undefined);
  await until('the client is connected again', () => lines().length > 1);
  expect(lines()).toEqual([
    // A command that is written at that moment meets the closed connection first.
    expect.stringMatching(/^Redis is not reachable: (?:the connection was closed|write EPIPE)$/),
    'Redis is reachable again',
  ]);
});

it('Redis that hangs: commands time out, and the dead connection is closed', async () => {
  const redisServer = await server();
  const { redis, lines } = await start(redisServer.url, { REDIS_COMMAND_TIMEOUT: '100ms' });
  await until('the client is connected', () => redis.status === 'ready');
  redisServer.hang();
  const { message, tookMs } = await failureOf(redis.ping());
  expect(message).toBe('Command timed out');
  expect(tookMs).toBeLessThan(AT_ONCE_MS);
  await until('the silent connection is closed', () => lines().at(-1)?.includes('Socket timeout') === true);
  await redisServer.resume();
  await until('the client is connected again', () => redis.status === 'ready');
  expect(await redis.ping()).toBe('PONG');
});

it('Redis that hangs delays neither the start nor the shutdown of the application', async () => {
  const redisServer = await server();
  redisServer.hang();
  const { app } = await start(redisServer.url, { REDIS_COMMAND_TIMEOUT: '500ms' });
  expect(await health(app)).toEqual({ status: 200, overall: 'degraded', redis: 'degraded' });
  await redisServer.resume();
  await until('the client is connected', async () => (await health(app)).redis === 'up');
  redisServer.hang();
  const stopped = performance.now();
  await app.stop();
  expect(performance.now() - stopped).toBeLessThan(AT_ONCE_MS);
  running.splice(running.indexOf(app), 1);
});

it('the timer of a broken connection does not end the next connection', async () => {
  const redisServer = await server();
  const redis = createRedisClient({ url: redisServer.url, commandTimeoutMs: 50 });
  try {
    await until('the client is connected', () => redis.status === 'ready');
    let closed = 0;
    redis.on('close', () => closed++);
    redisServer.hang();
    await failureOf(redis.ping());
    await redisServer.kill();
    await redisServer.resume();
    await until('the client is connected again', () => redis.status === 'ready');
    const before = closed;
    // The old timer, of 500 ms, ends in this time.
    const started = performance.now();
    await until('the old timer would have ended', () => performance.now() - started > 700);
    expect(closed).toBe(before);
  } finally {
    redis.disconnect();
  }
});

it('a connection to a master that became a replica is replaced, because its address may lead to the new master', async () => {
  const [redisServer, other] = [await server(), await server()];
  const { redis } = await start(redisServer.url);
  const before = await redis.call('CLIENT', 'ID');
  await redis.call('REPLICAOF', '127.0.0.1', String(other.port));
  await expect(redis.set('key', 'value')).rejects.toThrow('READONLY');
  await until('there is another connection', async () => {
    const id = await redis.call('CLIENT', 'ID').catch(() => before);
    return id !== before;
  });
});

/** Acts like TLS, which refuses a certificate and then receives an alert from the server. */
function reportTwoErrors(redis: RedisClient): void {
  const { stream } = redis as unknown as { stream: Duplex };
  stream.emit('error', new Error('one'));
  // Without a listener this would throw. Outside of a test it would be an uncaught exception.
  stream.emit('error', new Error('another'));
}

describe('a connection that reports two errors, as TLS can, does not end the process', () => {
  it('a connection of the client itself', async () => {
    const { redis } = await start((await server()).url);
    expect(() => reportTwoErrors(redis)).not.toThrow();
  });

  it('a connection of a copy, as subscribers have', async () => {
    const { redis } = await start((await server()).url);
    const copy = redis.duplicate();
    copy.on('error', () => undefined);
    await copy.connect();
    expect(() => reportTwoErrors(copy as RedisClient)).not.toThrow();
    copy.disconnect();
  });

  it('a connection of a node of a cluster', async () => {
    const nodes = (await RedisServer.cluster(3)).map(stopLater);
    const { redis } = await start(`redis+cluster://${nodes[0]?.address}`);
    await redis.set('key', 'value');
    const connected = (redis as Cluster).nodes('master').filter(({ status }) => status === 'ready');
    expect(connected.length).toBeGreaterThan(0);
    for (const node of connected) expect(() => reportTwoErrors(node)).not.toThrow();
  });
});

it('rediss:// refuses a certificate of an unknown authority', async () => {
  const folder = stopLater(await testFolder());
  const { certificate, key } = new CertificateAuthority(folder.path, 'unknown').issue('localhost');
  const port = await freePort();
  await server([`tls-port ${port}`, `tls-cert-file ${certificate}`, `tls-key-file ${key}`, 'tls-auth-clients no']);
  const { redis, lines } = await start(`rediss://localhost:${port}`);
  await expect(redis.ping()).rejects.toThrow("Stream isn't writeable");
  expect(lines()).toEqual([expect.stringContaining('unable to verify the first certificate')]);
});

it('Sentinel: commands reach the master, and the next one after a failover', async () => {
  const master = await server();
  const replica = await server([`replicaof 127.0.0.1 ${master.port}`]);
  const sentinels = (await RedisServer.sentinels(3, 'main', master, 1)).map(stopLater);
  const hosts = sentinels.map(({ address }) => address).join(',');
  const { app, redis, lines } = await start(`redis+sentinel://${hosts}/main/1`);
  expect(await redis.call('CLIENT', 'INFO')).toMatch(new RegExp(` laddr=${master.address} .* db=1 `));

  await master.kill();
  await until(
    'the replica is the master',
    async () => {
      const info = await redis.call('CLIENT', 'INFO').catch(() => '');
      return String(info).includes(`laddr=${replica.address} `);
    },
    { withinMs: 60_000 },
  );
  // The Sentinels end all connections to a replica that becomes the master, which can happen again.
  await expect.poll(() => redis.set('key', 'value').catch(String), PATIENTLY).toBe('OK');
  await expect.poll(() => lines().at(-1), PATIENTLY).toBe('Redis is reachable again');
  await until('the health check has run again', async () => (await health(app)).redis === 'up');
});

it('Sentinel: a Sentinel that hangs does not stop the search for the master', async () => {
  const master = await server();
  const sentinels = (await RedisServer.sentinels(2, 'main', master)).map(stopLater);
  sentinels[0]?.hang();
  const hosts = sentinels.map(({ address }) => address).join(',');
  const { redis } = await start(`redis+sentinel://${hosts}/main`);
  await until('the client is connected', () => redis.status === 'ready');
  expect(await redis.ping()).toBe('PONG');
});

it('Cluster: keys of all nodes are reached through one host, a lost node fails its keys within the time limit', async () => {
  const nodes = (await RedisServer.cluster(3)).map(stopLater);
  const { app, redis } = await start(`redis+cluster://${nodes[0]?.address}`);
  const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`);
  for (const key of keys) expect(await redis.set(key, key)).toBe('OK');
  for (const key of keys) expect(await redis.get(key)).toBe(key);
  expect(await health(app)).toMatchObject({ status: 200, redis: 'up' });

  await nodes[2]?.kill();
  const failures = await Promise.all(keys.map((key) => failureOf(redis.get(key))));
  expect(failures.some(({ message }) => message !== 'no failure')).toBe(true);
  for (const { tookMs } of failures) expect(tookMs).toBeLessThan(AT_ONCE_MS);

  await nodes[2]?.resume();
  await until('every key is served again', async () => {
    const answers = await Promise.all(keys.map((key) => failureOf(redis.set(key, key))));
    return answers.every(({ message }) => message === 'no failure');
  });
});

it('Cluster that is down completely: health is degraded at once, and is up again by itself', async () => {
  const nodes = (await RedisServer.cluster(3)).map(stopLater);
  const { app, redis, lines } = await start(`redis+cluster://${nodes.map(({ address }) => address).join(',')}`);
  expect(await redis.set('key', 'value')).toBe('OK');
  for (const node of nodes) await node.kill();
  const { message, tookMs } = await failureOf(redis.get('key'));
  expect(message).not.toBe('no failure');
  expect(tookMs).toBeLessThan(AT_ONCE_MS);
  await until('health reports the loss', async () => (await health(app)).redis === 'degraded');
  expect((await app.get('/health')).status).toBe(200);
  for (const node of nodes) await node.resume();
  await until('commands work again', async () => (await failureOf(redis.ping())).message === 'no failure');
  expect(lines()).toEqual([expect.stringMatching(/^Redis is not reachable: /), 'Redis is reachable again']);
});
