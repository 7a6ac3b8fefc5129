import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

  it('are five for one account, from however many addresses', async () => {
    const tries = [];
    for (let i = 0; i < 8; i++) tries.push(await failed('victim@example.com', `10.1.0.${i}`));
    expect(tries).toEqual([true, true, true, true, true, false, false, false]);
    // A refused attempt is not held against the address.
    for (let i = 0; i < 5; i++) expect(await failed(`other${i}@example.com`, '10.1.0.7')).toBe(true);
  });

  it('are five for one address, on however many accounts', async () => {
    const tries = [];
    for (let i = 0; i < 8; i++) tries.push(await failed(`spray${i}@example.com`, '10.2.0.1'));
    expect(tries).toEqual([true, true, true, true, true, false, false, false]);
  });

  it('are not more when all attempts come at once', async () => {
    const tries = await Promise.all(Array.from({ length: 100 }, (_, i) => failed('race@example.com', `10.3.0.${i}`)));
    expect(tries.filter(Boolean)).toHaveLength(5);
  });

  it('are not those that succeeded', async () => {
    for (let i = 0; i < 20; i++) {
      const succeeded = await throttle.attempt({ account: 'good@example.com', address: '10.4.0.1' });
      await succeeded();
    }
    expect(await failed('good@example.com', '10.4.0.1')).toBe(true);
  });

  it('tell when to come back, and leave no account name behind', async () => {
    for (let i = 0; i < 5; i++) await failed('named@example.com', `10.5.0.${i}`);
    await expect(throttle.attempt({ account: 'named@example.com', address: '10.5.0.9' })).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      headers: { 'Retry-After': expect.stringMatching(/^\d{3,4}$/) },
      extensions: { 'violated-policies': ['failed-login'] },
    });
    expect(JSON.stringify(app.audit.events)).not.toContain('named@example.com');
  });
});
