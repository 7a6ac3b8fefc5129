import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticator } from '../support/authenticator.js';
import { onBothAdapters, TestApp } from '../support/harness.js';

const DEVICE = '__Host-bulwark-device';
const LIMIT = 5;

onBothAdapters('a known device', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await TestApp.start({
      HTTP_ADAPTER: adapter,
      TRUST_PROXY: '1',
      THROTTLE_FAILED_LOGIN_LIMIT: String(LIMIT),
    });
  });
  afterAll(() => app.stop());

  let addresses = 0;
  /** Headers of a request from an address that was not used before. */
  const elsewhere = (cookie?: string): Record<string, string> => ({
    'X-Forwarded-For': `203.0.${(++addresses >> 8) % 256}.${addresses % 256}`,
    ...(cookie !== undefined && { Cookie: `other=1; ${DEVICE}=${cookie}` }),
  });
  const cookieIn = (lines: string[] | undefined) =>
    lines?.find((line) => line.startsWith(`${DEVICE}=`))?.slice(DEVICE.length + 1);
  const valueIn = (lines: string[] | undefined) => cookieIn(lines)?.split(';', 1)[0] ?? '';

  const login = (email: string, password: string, cookie?: string, token?: string) =>
    app.post('/auth/login', { email, password }, { headers: elsewhere(cookie), ...(token !== undefined && { token }) });

  /** An account, and the cookie of its owner's device. */
  async function owner() {
    const { email, password, token } = await app.register();
    const { headers } = await login(email, password);
    return { email, password, token, cookie: valueIn(headers['set-cookie']) };
  }

  /** Sends wrong passwords until the account is blocked. */
  async function holdBack(email: string): Promise<void> {
    for (let i = 0; i < LIMIT; i++) expect((await login(email, 'a wrong guess')).status).toBe(401);
    expect((await login(email, 'a wrong guess')).status).toBe(429);
  }

  it('gets a cookie for a year that scripts cannot read and that does not name the user', async () => {
    const { email, password, cookie } = await owner();
    const line = cookieIn((await login(email, password)).headers['set-cookie']);
    expect(line).toMatch(/^[\w-]{22}\.\d+\.[\w-]{43}; Path=\/; Max-Age=31536000; HttpOnly; Secure; SameSite=Strict$/);
    const again = valueIn((await login(email, password, cookie)).headers['set-cookie']);
    expect(again.split('.')[0]).toBe(cookie.split('.')[0]);
  });

  it('is not blocked by five failed logins from other clients', async () => {
    const { email, password, cookie } = await owner();
    await holdBack(email);
    expect((await login(email, password)).status).toBe(429);
    expect((await login(email, password, cookie)).status).toBe(200);
  });

  it('has five attempts from all addresses together, so a stolen cookie allows no more guesses', async () => {
    const { email, password, cookie } = await owner();
    const statuses: number[] = [];
    for (let i = 0; i < LIMIT + 2; i++) statuses.push((await login(email, `guess ${i}`, cookie)).status);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429]);
    // They do not block the owner on another device, and a new device has its own limit.
    const { status, headers } = await login(email, password);
    expect(status).toBe(200);
    expect((await login(email, 'a wrong guess', valueIn(headers['set-cookie']))).status).toBe(401);
  });

  it('needs the password and an unchanged, single cookie of the same account', async () => {
    const [one, other] = [await owner(), await owner()];
    await holdBack(one.email);
    const [id = '', issuedAt = '', mac = ''] = one.cookie.split('.');
    const forged = [
      other.cookie,
      `${other.cookie.split('.')[0]}.${issuedAt}.${mac}`,
      `${id}.${Number(issuedAt) + 1}.${mac}`,
      `${id}.${issuedAt}.${'A'.repeat(43)}`,
      `${one.cookie}; ${DEVICE}=${one.cookie}`,
    ];
    for (const cookie of forged) expect((await login(one.email, one.password, cookie)).status).toBe(429);
    expect((await login(one.email, one.password, one.cookie)).status).toBe(200);
    expect((await app.get('/auth/profile', { headers: elsewhere(one.cookie) })).status).toBe(401);
  });

  it('still counts toward the limit of its address', async () => {
    const accounts = [];
    for (let i = 0; i < LIMIT + 1; i++) accounts.push(await owner());
    const from = elsewhere();
    const statuses: number[] = [];
    for (const { email, cookie } of accounts) {
      const headers = { ...from, Cookie: `${DEVICE}=${cookie}` };
      statuses.push((await app.post('/auth/login', { email, password: 'a wrong guess' }, { headers })).status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
  });

  it('keeps its separate limit at the second step', async () => {
    const { email, password, token } = await app.register();
    const begun = await app.post('/auth/mfa/totp', undefined, { token, headers: elsewhere() });
    const authenticator = new Authenticator(begun.body.uri);
    const confirmed = await app.post(
      '/auth/mfa/totp/confirm',
      { code: authenticator.next() },
      { token, headers: elsewhere() },
    );
    const [first, second] = confirmed.body.recoveryCodes as [string, string];
    const firstStep = async (cookie?: string) => (await login(email, password, cookie)).body.mfaToken as string;
    const secondStep = (mfaToken: string, code: string, cookie?: string) =>
      app.post('/auth/login/mfa', { mfaToken, code }, { headers: elsewhere(cookie) });
    const answer = await secondStep(await firstStep(), first);
    expect(answer.status).toBe(200);
    const cookie = valueIn(answer.headers['set-cookie']);
    // A thief who knows the password guesses codes.
    const mfaToken = await firstStep();
    for (let i = 0; i < LIMIT; i++) expect((await secondStep(mfaToken, '000000')).status).toBe(401);
    expect((await secondStep(mfaToken, '000000')).status).toBe(429);
    const own = await firstStep(cookie);
    expect((await secondStep(own, second)).status).toBe(429);
    expect((await secondStep(own, second, cookie)).status).toBe(200);
  });

  it('is the session of a logged-in caller: other clients cannot block a password change', async () => {
    const { email, password, token } = await owner();
    await holdBack(email);
    const change = (currentPassword: string) =>
      app.post(
        '/auth/change-password',
        { currentPassword, newPassword: `${randomUUID()} new` },
        { token, headers: elsewhere() },
      );
    for (let i = 0; i < LIMIT; i++) expect((await change('a wrong guess')).status).toBe(400);
    expect((await change(password)).status).toBe(429);
    const other = await owner();
    await holdBack(other.email);
    const answer = await app.post(
      '/auth/change-password',
      { currentPassword: other.password, newPassword: `${randomUUID()} new` },
      { token: other.token, headers: elsewhere() },
    );
    expect(answer.status).toBe(204);
  });
});

describe('disabled device cookies', () => {
  it('are neither set nor read', async () => {
    const app = await TestApp.start({ AUTH_DEVICE_COOKIES: 'false' });
    try {
      const { email, password } = await app.register();
      const { headers } = await app.post('/auth/login', { email, password });
      expect(headers['set-cookie']).toBeUndefined();
    } finally {
      await app.stop();
    }
  });
});
