import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { TcpProxy } from '../../test/support/tcp-proxy.js';
import { until } from '../../test/support/until.js';
import { EVERYTHING, InvalidationChannel, type InvalidationKey } from './invalidation-channel.js';
import { RedisTransport } from './redis.transport.js';

const closeLater: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closeLater.splice(0).reverse()) await close();
});

/** A client that publishes and, by its copy, subscribes; each over a way of its own that a test can block. */
function clientOver(publishUrl: string, subscribeUrl: string) {
  const options = { enableOfflineQueue: false, maxRetriesPerRequest: 0, retryStrategy: () => 50 };
  const redis = new Redis(publishUrl, options);
  redis.on('error', () => undefined);
  closeLater.push(() => redis.disconnect());
  return {
    publish: (channel: string, message: string) => redis.publish(channel, message),
    duplicate: () => new Redis(subscribeUrl, { ...options, lazyConnect: true }),
    isReady: () => redis.status === 'ready',
  };
}

describe('an invalidation channel', () => {
  let channelName: string;
  let publishProxy: TcpProxy;
  let subscribeProxy: TcpProxy;

  beforeEach(async () => {
    channelName = randomUUID();
    publishProxy = await TcpProxy.to(inject('redisUrl'));
    subscribeProxy = await TcpProxy.to(inject('redisUrl'));
    for (const proxy of [publishProxy, subscribeProxy]) {
      await proxy.open();
      closeLater.push(() => proxy.close());
    }
  });

  async function replica(publishUrl: string, subscribeUrl: string, maxPendingMessages = 100) {
    const received: InvalidationKey[] = [];
    const client = clientOver(publishUrl, subscribeUrl);
    const channel = new InvalidationChannel(
      new RedisTransport(client, { channel: channelName, timeoutMs: 5_000 }),
      { invalidate: (key) => received.push(key), invalidateAll: () => received.push(EVERYTHING) },
      { maxSilenceMs: 2_000, maxPendingMessages },
    );
    closeLater.push(() => channel.close());
    await channel.open();
    await until('the replica is connected', () => client.isReady() && channel.isSubscribed);
    return { channel, received };
  }

  it('delivers messages to the other replicas', async () => {
    const [one, other] = await Promise.all([
      replica(inject('redisUrl'), inject('redisUrl')),
      replica(inject('redisUrl'), inject('redisUrl')),
    ]);
    expect(await one.channel.send('user:1')).toBe(true);
    await until('the message arrives', () => other.received.includes('user:1'));
    // A key can be any text, also one that the channel uses for itself.
    await one.channel.send('heartbeat');
    await one.channel.send('');
    await until('the messages arrive', () => other.received.includes('heartbeat') && other.received.includes(''));
  });

  it('publishes pending messages after an outage', async () => {
    const one = await replica(publishProxy.url, inject('redisUrl'));
    const other = await replica(inject('redisUrl'), inject('redisUrl'));
    await publishProxy.close();
    expect(await one.channel.send('user:1')).toBe(false);
    expect(await one.channel.send('user:2')).toBe(false);
    expect(await one.channel.send('user:1')).toBe(false);
    expect(one.channel.pendingMessages).toBe(2);
    expect([one.channel.isPending('user:1'), one.channel.isPending('user:3')]).toEqual([true, false]);
    await publishProxy.open();
    await until('the messages arrive', () => ['user:1', 'user:2'].every((key) => other.received.includes(key)));
    await until('none is pending', () => one.channel.pendingMessages === 0);
    expect(one.channel.isPending('user:1')).toBe(false);
  });

  it('replaces pending messages by one that invalidates everything when there are too many', async () => {
    const one = await replica(publishProxy.url, inject('redisUrl'), 3);
    const other = await replica(inject('redisUrl'), inject('redisUrl'));
    await publishProxy.close();
    for (const key of ['a', 'b', 'c', 'd', 'e']) await one.channel.send(key);
    expect(one.channel.pendingMessages).toBeGreaterThanOrEqual(3);
    expect(one.channel.isPending('a')).toBe(true);
    const before = other.received.length;
    await publishProxy.open();
    await until('everything is invalidated', () => other.received.slice(before).includes(EVERYTHING));
    await until('none is pending', () => one.channel.pendingMessages === 0);
    expect(other.received).not.toContain('a');
  });

  it('invalidates everything when messages come in again after a silence', async () => {
    const one = await replica(inject('redisUrl'), subscribeProxy.url);
    await replica(inject('redisUrl'), inject('redisUrl'));
    // Longer than the allowed silence, and shorter than the time after which the connection is replaced.
    subscribeProxy.answerDelayMs = 2_500;
    await until('the silence is detected', () => !one.channel.isSubscribed);
    const before = one.received.length;
    await until('messages come in again', () => one.channel.isSubscribed);
    expect(one.received.slice(before)).toContain(EVERYTHING);
  });

  it('detects a subscription that receives nothing, and replaces it', async () => {
    const one = await replica(inject('redisUrl'), subscribeProxy.url);
    const other = await replica(inject('redisUrl'), inject('redisUrl'));
    subscribeProxy.block();
    await until('the loss is detected', () => !one.channel.isSubscribed);
    const before = one.received.length;
    await other.channel.send('user:1');
    await until('the subscription is replaced', () => one.channel.isSubscribed);
    expect(other.channel.isSubscribed).toBe(true);
    // The message is lost; the replica knows that it may have missed some.
    expect(one.received.slice(before)).toContain(EVERYTHING);
    await other.channel.send('user:2');
    await until('messages arrive again', () => one.received.includes('user:2'));
  });
});
