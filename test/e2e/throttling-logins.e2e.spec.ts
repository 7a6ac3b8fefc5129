import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { FailureThrottle, ThrottlerModule } from '../../src/throttler/index.js';
import { ThrottledApp } from '../support/throttled-app.js';

describe('failed logins', () => {
  let app: ThrottledApp;
  let throttle: FailureThrottle;
  beforeAll(async () => {
    app = await ThrottledApp.start('fastify', { imports: [ThrottlerModule.forRoot({})] });
    throttle = app.app.get(FailureThrottle);
  });
  afterAll(() => app.stop());

  const failed = async (account: string, address: string) =>
    throttle.attempt({ account, address }).then(
      () => true,
      (error: { code: string }) => (error.code === 'RATE_LIMITED' ? false : Promise.reject(error)),
    );

  it('are limited to five for one account, from any number of addresses', async () => {
    const tries = [];
    for (let i = 0; i < 8; i++) tries.push(await failed('victim@example.com', `10.1.0.${i}`));
    expect(tries).toEqual([true, true, true, true, true, false, false, false]);
    // A refused attempt does not count for the address.
    for (let i = 0; i < 5; i++) expect(await failed(`other${i}@example.com`, '10.1.0.7')).toBe(true);
  });

  it('are limited to five for one address, on any number of accounts', async () => {
    const tries = [];
    for (let i = 0; i < 8; i++) tries.push(await failed(`spray${i}@example.com`, '10.2.0.1'));
    expect(tries).toEqual([true, true, true, true, true, false, false, false]);
  });

  it('are limited to five when all attempts come at once', async () => {
    const tries = await Promise.all(Array.from({ length: 100 }, (_, i) => failed('race@example.com', `10.3.0.${i}`)));
    expect(tries.filter(Boolean)).toHaveLength(5);
  });

  it('do not include logins that succeeded', async () => {
    for (let i = 0; i < 20; i++) {
      const succeeded = await throttle.attempt({ account: 'good@example.com', address: '10.4.0.1' });
      await succeeded();
    }
    expect(await failed('good@example.com', '10.4.0.1')).toBe(true);
  });

  it('are refused with Retry-After, and no account name is recorded', async () => {
    for (let i = 0; i < 5; i++) await failed('named@example.com', `10.5.0.${i}`);
    await expect(throttle.attempt({ account: 'named@example.com', address: '10.5.0.9' })).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      headers: { 'Retry-After': expect.stringMatching(/^\d{3,4}$/) },
      extensions: { 'violated-policies': ['failed-login'] },
    });
    expect(JSON.stringify(app.audit.events)).not.toContain('named@example.com');
  });

  it('of a known device count for the device, and not for the account', async () => {
    const device = async (name: string, i: number) =>
      throttle.attempt({ account: 'owned@example.com', device: name, address: `10.6.0.${i}` }).then(
        () => true,
        () => false,
      );
    for (let i = 0; i < 5; i++) await failed('owned@example.com', `10.6.1.${i}`);
    expect(await failed('owned@example.com', '10.6.1.9')).toBe(false);
    const tries = [];
    for (let i = 0; i < 7; i++) tries.push(await device('phone', i));
    expect(tries).toEqual([true, true, true, true, true, false, false]);
    expect(await device('laptop', 9)).toBe(true);
  });
});

describe('failed logins in Redis', () => {
  it('create a limited number of keys for an address that tries made-up accounts, and each key expires', async () => {
    const redis = new Redis(inject('redisUrl'));
    const keyPrefix = `${randomUUID()}:`;
    const app = await ThrottledApp.start('fastify', {
      imports: [ThrottlerModule.forRoot({ redis, redisOptions: { keyPrefix, timeoutMs: 20_000, blockCacheMs: 1 } })],
    });
    try {
      const throttle = app.app.get(FailureThrottle);
      let admitted = 0;
      for (let i = 0; i < 50; i++) {
        const attempt = throttle.attempt({ account: `made-up-${i}@example.com`, address: '10.7.0.1' });
        await attempt.then(
          () => admitted++,
          () => undefined,
        );
      }
      expect(admitted).toBe(5);
      const keys = await redis.keys(`${keyPrefix}*`);
      // Three counters for the address, and three for each of the five accounts.
      expect(keys).toHaveLength(3 + 3 * 5);
      const lives = await Promise.all(keys.map((key) => redis.pttl(key)));
      expect(Math.min(...lives)).toBeGreaterThan(0);
      expect(Math.max(...lives)).toBeLessThanOrEqual(2 * 16 * 900_000 + 1_000);

      // A refunded attempt, whose password could not be checked, keeps no key.
      for (let i = 0; i < 20; i++) {
        const refund = await throttle.attempt({ account: `other-${i}@example.com`, address: `10.7.1.${i}` });
        await refund();
      }
      expect(await redis.keys(`${keyPrefix}*`)).toHaveLength(keys.length);
    } finally {
      await app.stop();
      redis.disconnect();
    }
  });
});
