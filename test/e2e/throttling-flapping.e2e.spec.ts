import { Controller, Get } from '@nestjs/common';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { randomUUID } from 'node:crypto';
import { FailureThrottle } from '../../src/ports/index.js';
import { Public } from '../../src/guards/index.js';
import { ThrottlerModule } from '../../src/throttler/index.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { ThrottledApp } from '../support/throttled-app.js';
import { until } from '../support/until.js';

const LIMIT = 6;
const CYCLES = 5;
const TIMEOUT_MS = 200;
const WINDOW_MS = 900_000;

@Controller('things')
@Public()
class ThingsController {
  @Get()
  things(): string {
    return 'things';
  }
}

// A store that answers too late, then in time, then too late again. Without write-backs each cycle would give a client a
// new allowance.
describe.each([
  ['requests arrive late', { requestDelayMs: 3 * TIMEOUT_MS }],
  ['its answers arrive late', { answerDelayMs: 3 * TIMEOUT_MS }],
])('a Redis that flaps because %s', (_why, delays) => {
  let proxy: TcpProxy;
  let redis: Redis;
  let app: ThrottledApp;

  beforeEach(async () => {
    proxy = await TcpProxy.to(inject('redisUrl'));
    await proxy.open();
    redis = new Redis(proxy.url, { enableOfflineQueue: false, maxRetriesPerRequest: 0 });
    redis.on('error', () => undefined);
    await until('the client is connected', () => redis.status === 'ready');
    const throttler = ThrottlerModule.forRoot({
      redis,
      // Refusals are not cached, so that only the counters limit.
      redisOptions: { timeoutMs: TIMEOUT_MS, probeIntervalMs: 20, blockCacheMs: 1, keyPrefix: `${randomUUID()}:` },
      tiers: { default: { limit: LIMIT, ttlMs: WINDOW_MS } },
      failedLogins: { limit: LIMIT, ttlMs: WINDOW_MS, addressLimit: 1_000 },
    });
    app = await ThrottledApp.start('fastify', { imports: [throttler], controllers: [ThingsController] });
  });
  afterEach(async () => {
    await app.stop();
    redis.disconnect();
    await proxy.close();
  });

  const isFallingBack = async () => (await app.metrics.read.get('throttler_falling_back')?.()) === 1;

  /** Sends requests during several cycles. Returns how many were allowed. */
  async function admitted(attempt: () => Promise<boolean>): Promise<number> {
    let count = 0;
    const ask = async () => {
      if (await attempt()) count++;
    };
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      Object.assign(proxy, delays);
      await until('Redis is not used', async () => {
        await ask();
        return isFallingBack();
      });
      for (let i = 0; i < LIMIT + 2; i++) await ask();
      Object.assign(proxy, { requestDelayMs: 0, answerDelayMs: 0 });
      await until('Redis is used again', async () => !(await isFallingBack()));
      for (let i = 0; i < LIMIT + 2; i++) await ask();
    }
    return count;
  }

  it('gives a client no more than the documented maximum', async () => {
    const count = await admitted(async () => (await app.get('/things')).status === 200);
    expect(count).toBeGreaterThanOrEqual(LIMIT);
    expect(count).toBeLessThanOrEqual(2 * LIMIT);
  });

  it('allows no more guesses of a password than the documented maximum', async () => {
    const throttle = app.app.get(FailureThrottle);
    let address = 0;
    const count = await admitted(() =>
      throttle.attempt({ account: 'victim@example.com', address: `10.0.0.${++address % 250}` }).then(
        () => true,
        (error: { code: string }) => (error.code === 'RATE_LIMITED' ? false : Promise.reject(error)),
      ),
    );
    expect(count).toBeGreaterThanOrEqual(LIMIT);
    expect(count).toBeLessThanOrEqual(2 * LIMIT);
  });
});
