import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { until } from '../support/until.js';

onBothAdapters('trust in proxies', (adapter) => {
  /** The address that the application takes the client for. */
  async function addressSeenBy(
    app: TestApp,
    forwarded: string | string[] | undefined,
    from?: string,
  ): Promise<unknown> {
    const headers: Record<string, string | string[]> = forwarded === undefined ? {} : { 'X-Forwarded-For': forwarded };
    const answer = await app.get('/no/such/route', { headers, from });
    const requestId = answer.headers['x-request-id'];
    const line = () => app.logs.find((entry) => entry.requestId === requestId && entry.msg === 'request');
    await until('the access line is written', () => line() !== undefined);
    return line()?.['address'];
  }

  const cases: [setting: string | undefined, forwarded: string | string[] | undefined, seen: string, why: string][] = [
    [undefined, '203.0.113.9', '127.0.0.1', 'nobody is believed by default'],
    ['false', '203.0.113.9', '127.0.0.1', 'nobody is believed'],
    ['1', '203.0.113.9', '203.0.113.9', 'what the one proxy saw'],
    ['1', '6.6.6.6, 203.0.113.9', '203.0.113.9', 'the client wrote the rest itself'],
    ['1', '6.6.6.6, 7.7.7.7, 203.0.113.9', '203.0.113.9', 'however much it wrote'],
    ['1', ['6.6.6.6', '203.0.113.9'], '203.0.113.9', 'in several headers, too'],
    ['1', undefined, '127.0.0.1', 'a client that came past the proxy'],
    ['2', '203.0.113.9, 10.0.0.2', '203.0.113.9', 'behind two proxies'],
    ['2', '6.6.6.6, 203.0.113.9, 10.0.0.2', '203.0.113.9', 'behind two proxies, with a forged beginning'],
    ['127.0.0.0/8', '203.0.113.9', '203.0.113.9', 'the proxy is in the list'],
    ['127.0.0.0/8', '6.6.6.6, 203.0.113.9', '203.0.113.9', 'the first stranger from the right'],
    ['loopback, 10.0.0.0/8', '6.6.6.6, 203.0.113.9, 10.0.0.2', '203.0.113.9', 'proxies in the list are skipped'],
    ['10.0.0.0/8', '203.0.113.9', '127.0.0.1', 'the peer is no proxy of ours'],
  ];

  for (const setting of new Set(cases.map(([name]) => name))) {
    describe(`with TRUST_PROXY=${setting ?? ''}`, () => {
      let app: TestApp;
      beforeAll(async () => {
        app = await TestApp.start({ HTTP_ADAPTER: adapter, ...(setting !== undefined && { TRUST_PROXY: setting }) });
      });
      afterAll(() => app.stop());

      it.each(cases.filter(([name]) => name === setting))(
        '%s, given %s, sees %s: %s',
        async (_setting, forwarded, seen) => {
          expect(await addressSeenBy(app, forwarded)).toBe(seen);
        },
      );
    });
  }

  it('limits a client by its own address, whatever chain it makes up', async () => {
    // With `trust proxy: true` each of these would be another client, and none would ever be limited.
    const app = await TestApp.start({ HTTP_ADAPTER: adapter, TRUST_PROXY: '1', THROTTLE_DEFAULT_LIMIT: '3' });
    try {
      const statuses: number[] = [];
      for (let i = 0; i < 8; i++) {
        const headers = { 'X-Forwarded-For': `6.6.6.${i}, 203.0.113.9` };
        statuses.push((await app.get('/auth/profile', { headers })).status);
      }
      expect(statuses).toEqual([401, 401, 401, 429, 429, 429, 429, 429]);
    } finally {
      await app.stop();
    }
  });
});
