import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { until } from '../support/until.js';

onBothAdapters('trust in proxies', (adapter) => {
  /** The client address that the application sees. */
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

  const cases: [
    setting: string | undefined,
    forwarded: string | string[] | undefined,
    seen: string | undefined,
    why: string,
  ][] = [
    [undefined, '203.0.113.9', '127.0.0.1', 'no proxy is trusted by default'],
    ['false', '203.0.113.9', '127.0.0.1', 'no proxy is trusted'],
    ['1', '203.0.113.9', '203.0.113.9', 'the address that the one proxy saw'],
    ['1', '6.6.6.6, 203.0.113.9', '203.0.113.9', 'the client wrote the rest itself'],
    ['1', '6.6.6.6, 7.7.7.7, 203.0.113.9', '203.0.113.9', 'the client wrote several addresses'],
    ['1', ['6.6.6.6', '203.0.113.9'], '203.0.113.9', 'also in several headers'],
    ['1', undefined, '127.0.0.1', 'a client that bypassed the proxy'],
    ['2', '203.0.113.9, 10.0.0.2', '203.0.113.9', 'behind two proxies'],
    ['2', '6.6.6.6, 203.0.113.9, 10.0.0.2', '203.0.113.9', 'behind two proxies, with a forged beginning'],
    ['127.0.0.0/8', '203.0.113.9', '203.0.113.9', 'the proxy is in the list'],
    ['127.0.0.0/8', '6.6.6.6, 203.0.113.9', '203.0.113.9', 'the first untrusted address from the right'],
    ['loopback, 10.0.0.0/8', '6.6.6.6, 203.0.113.9, 10.0.0.2', '203.0.113.9', 'proxies in the list are skipped'],
    ['10.0.0.0/8', '203.0.113.9', '127.0.0.1', 'the peer is not a trusted proxy'],
    ['1', '203.0.113.9:5000', '203.0.113.9', 'the proxy writes ports'],
    ['1', '[2001:DB8::1]:5000', '2001:db8::1', 'the proxy writes ports of IPv6 addresses'],
    ['1', '[2001:db8::1]', '2001:db8::1', 'the proxy writes brackets'],
    ['1', '::ffff:203.0.113.9', '203.0.113.9', 'an IPv4-mapped address'],
    ['1', 'unknown', undefined, 'no address'],
    ['1', '203.0.113.9, _hidden', undefined, 'an obfuscated identifier'],
    ['loopback, 10.0.0.0/8', '6.6.6.6:1, 203.0.113.9:5000, 10.0.0.2:443', '203.0.113.9', 'proxies with ports'],
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

  it.each([
    ['port', (i: number) => `203.0.113.9:${5000 + i}`],
    ['port of an IPv6 address', (i: number) => `[2001:db8::1]:${5000 + i}`],
    ['spelling of an address', (i: number) => ['::ffff:203.0.113.9', '::FFFF:cb00:7109', '203.0.113.9:1'][i % 3] ?? ''],
    ['text that is not an address', (i: number) => ['unknown', `_hidden${i}`, `host${i}:80`][i % 3] ?? ''],
  ])('counts one client for any %s that the proxy writes', async (_what, forwarded) => {
    const app = await TestApp.start({ HTTP_ADAPTER: adapter, TRUST_PROXY: '1', THROTTLE_DEFAULT_LIMIT: '3' });
    try {
      const statuses: number[] = [];
      for (let i = 0; i < 8; i++) {
        const headers = { 'X-Forwarded-For': forwarded(i) };
        statuses.push((await app.get('/auth/profile', { headers })).status);
      }
      expect(statuses).toEqual([401, 401, 401, 429, 429, 429, 429, 429]);
    } finally {
      await app.stop();
    }
  });

  it('stores the address without its port, and a client keeps its grace period on another port', async () => {
    const app = await TestApp.start({ HTTP_ADAPTER: adapter, TRUST_PROXY: '1' });
    try {
      const { email, password } = await app.register();
      const from = (port: number) => ({ headers: { 'X-Forwarded-For': `203.0.113.9:${port}` } });
      const login = await app.post('/auth/login', { email, password }, from(5000));
      const { accessToken, refreshToken } = login.body;
      const successors: unknown[] = [];
      for (const port of [5001, 5002]) {
        successors.push((await app.post('/auth/refresh', { refreshToken }, from(port))).body.refreshToken);
      }
      expect(successors[0]).toEqual(expect.any(String));
      expect(successors[1]).toBe(successors[0]);
      const { body } = await app.get('/auth/sessions', { token: accessToken });
      expect(JSON.stringify(body)).toContain('"203.0.113.9"');
      expect(JSON.stringify(body)).not.toContain('203.0.113.9:');
      const [event] = await app.auditOf(String(login.headers['x-request-id']));
      expect(event?.address).toBe('203.0.113.9');
    } finally {
      await app.stop();
    }
  });

  it('limits a client by its own address, even with a forged chain', async () => {
    // With `trust proxy: true` each request would look like another client, and no client would be limited.
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
