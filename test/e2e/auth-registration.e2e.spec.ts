import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PasswordService } from '../../src/auth/passwords/password.service.js';
import type { Answer } from '../support/client.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { Mailbox } from '../support/mailbox.js';
import { until } from '../support/until.js';

const PASSWORD = 'correct horse battery';
const someAddress = () => `${randomUUID()}@example.com`;

onBothAdapters('a registration', (adapter) => {
  let mailbox: Mailbox;
  beforeAll(async () => (mailbox = await Mailbox.open()));
  afterAll(() => mailbox.stop());
  const start = (env: Record<string, string>) => TestApp.start({ HTTP_ADAPTER: adapter, ...mailbox.env, ...env });

  describe('with required confirmation', () => {
    let app: TestApp;
    beforeAll(async () => (app = await start({ AUTH_EMAIL_VERIFICATION: 'required' })));
    afterAll(() => app.stop());
    const login = (email: string) => app.post('/auth/login', { email, password: PASSWORD });

    it('returns no tokens, and the account can log in after the mailed token is confirmed', async () => {
      const email = someAddress();
      const answer = await app.post('/auth/register', { email, password: PASSWORD, name: 'X' });
      expect([answer.status, answer.text]).toEqual([202, '']);
      const before = await login(email);
      expect([before.status, before.body.code]).toEqual([403, 'EMAIL_UNVERIFIED']);
      const token = await mailbox.tokenFor(email, /^Confirm/);
      expect((await app.post('/auth/verify-email', { token })).status).toBe(204);
      expect((await login(email)).status).toBe(200);
    });

    it('shows its unconfirmed state only to a caller who knows the password', async () => {
      const email = someAddress();
      await app.post('/auth/register', { email, password: PASSWORD, name: 'X' });
      const answer = await app.post('/auth/login', { email, password: 'wrong password' });
      expect(answer.body.code).toBe('AUTH_CREDENTIALS_INVALID');
    });

    it('sends another mail on request, and is also confirmed by a password reset', async () => {
      const email = someAddress();
      await app.post('/auth/register', { email, password: PASSWORD, name: 'X' });
      expect((await app.post('/auth/verify-email/resend', { email })).status).toBe(202);
      await mailbox.tokenFor(email, /^Confirm/, 1);
      expect((await login(email)).body.code).toBe('EMAIL_UNVERIFIED');
      await app.post('/auth/forgot-password', { email });
      const token = await mailbox.tokenFor(email, /^Reset/);
      expect((await app.post('/auth/reset-password', { token, password: PASSWORD })).status).toBe(204);
      expect((await login(email)).status).toBe(200);
    });
  });

  it('sends no mail if AUTH_EMAIL_VERIFICATION is off', async () => {
    const app = await start({ AUTH_EMAIL_VERIFICATION: 'off' });
    try {
      const { email } = await app.register();
      await app.post('/auth/forgot-password', { email });
      await mailbox.tokenFor(email, /^Reset/);
      expect(await mailbox.mailsTo(email)).toHaveLength(1);
    } finally {
      await app.stop();
    }
  });

  describe('in silent mode', () => {
    let app: TestApp;
    beforeAll(async () => {
      app = await start({ AUTH_REGISTRATION: 'silent', THROTTLE_FAILED_LOGIN_LIMIT: '1000' });
    });
    afterAll(() => app.stop());
    const register = (email: string, password = PASSWORD) =>
      app.post('/auth/register', { email, password, name: 'Some One' });

    /** An account whose address is confirmed. */
    async function account(): Promise<string> {
      const email = someAddress();
      await register(email);
      const token = await mailbox.tokenFor(email, /^Confirm/);
      expect((await app.post('/auth/verify-email', { token })).status).toBe(204);
      return email;
    }

    it('creates an account that can log in after confirmation', async () => {
      const email = await account();
      expect((await app.login(email, PASSWORD)).email).toBe(email);
    });

    it('with a known address changes nothing, and the owner receives a mail', async () => {
      const email = await account();
      expect((await register(email, 'another good password')).status).toBe(202);
      const token = await mailbox.tokenFor(email, /^You already have an account/);
      await app.login(email, PASSWORD);
      expect((await app.post('/auth/login', { email, password: 'another good password' })).status).toBe(401);
      // The mail helps an owner who has forgotten the account.
      expect((await app.post('/auth/reset-password', { token, password: 'a third good password' })).status).toBe(204);
    });

    it('creates one account when ten requests with one address come at the same time', async () => {
      const email = someAddress();
      const answers = await Promise.all(Array.from({ length: 10 }, () => register(email)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
      const rows = () => app.sql('SELECT id FROM users WHERE email = $1', [email]);
      await until('the account is stored', async () => (await rows()).length > 0);
      expect(await rows()).toHaveLength(1);
    });

    it('refuses a weak password in the same way for known and unknown addresses', async () => {
      const [known, unknown] = [
        await register(await account(), 'password123'),
        await register(someAddress(), 'password123'),
      ];
      expect(comparable(known)).toEqual(comparable(unknown));
      expect(known.status).toBe(400);
    });

    describe('does not reveal which accounts exist', () => {
      let addresses: Record<string, string>;
      beforeAll(async () => {
        const [known, locked, deactivated, unverified] = [
          await account(),
          await account(),
          await account(),
          someAddress(),
        ];
        await app.sql('UPDATE users SET locked_at = now() WHERE email = $1', [locked]);
        await app.sql('UPDATE users SET deactivated_at = now() WHERE email = $1', [deactivated]);
        await register(unverified);
        await mailbox.tokenFor(unverified, /^Confirm/);
        addresses = { known, locked, deactivated, unverified, unknown: someAddress() };
      });

      const CALLS: [string, (email: string) => object, number][] = [
        ['/auth/register', (email) => ({ email, password: PASSWORD, name: 'X' }), 202],
        ['/auth/login', (email) => ({ email, password: 'wrong password' }), 401],
        ['/auth/forgot-password', (email) => ({ email }), 202],
        ['/auth/verify-email/resend', (email) => ({ email }), 202],
        ['/auth/reset-password', () => ({ token: randomUUID(), password: PASSWORD }), 400],
      ];

      it.each(CALLS)('in the answer of %s or in the number of computed hashes', async (path, body, status) => {
        const hashed = vi.spyOn(PasswordService.prototype, 'hash');
        const verified = vi.spyOn(PasswordService.prototype, 'verify');
        const seen = [];
        for (const email of Object.values(addresses)) {
          const answer = await app.post(path, body(email));
          seen.push({ ...comparable(answer), hashed: hashed.mock.calls.length, verified: verified.mock.calls.length });
          hashed.mockClear();
          verified.mockClear();
        }
        vi.restoreAllMocks();
        expect(seen[0]?.status).toBe(status);
        for (const one of seen) expect(one).toEqual(seen[0]);
      });

      it('in the answer to a login with the password of a new registration', async () => {
        const [fresh, known] = [someAddress(), addresses['known'] ?? ''];
        for (const email of [fresh, known]) await register(email, 'a stranger’s password');
        await mailbox.tokenFor(fresh, /^Confirm/);
        const logins = [];
        for (const email of [fresh, known]) {
          logins.push(comparable(await app.post('/auth/login', { email, password: 'a stranger’s password' })));
        }
        expect(logins[0]).toEqual(logins[1]);
        expect(logins[0]?.status).toBe(401);
      });
    });
  });

  it('in open mode shows by its status that an account exists, so that the tests above can fail', async () => {
    const app = await start({ AUTH_REGISTRATION: 'open' });
    try {
      const { email } = await app.register();
      const body = { password: PASSWORD, name: 'X' };
      const known = await app.post('/auth/register', { ...body, email });
      const unknown = await app.post('/auth/register', { ...body, email: someAddress() });
      expect(comparable(known)).not.toEqual(comparable(unknown));
    } finally {
      await app.stop();
    }
  });

  it('is stored even if the application stops right after the answer', async () => {
    const app = await start({ AUTH_REGISTRATION: 'silent' });
    const email = someAddress();
    expect((await app.post('/auth/register', { email, password: PASSWORD, name: 'X' })).status).toBe(202);
    await app.stop();
    const next = await start({});
    try {
      expect(await next.sql('SELECT email FROM users WHERE email = $1', [email])).toEqual([{ email }]);
    } finally {
      await next.stop();
    }
  });
});

/** Everything that a client sees, except the values that differ in every answer. */
function comparable({ status, headers, text }: Answer) {
  const { date: _date, 'x-request-id': requestId, ...rest } = headers;
  const counters = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [
      name,
      /^(?:x-)?ratelimit|^retry-after$/.test(name) ? 'counter' : value,
    ]),
  );
  return { status, headers: counters, text: text.replaceAll(String(requestId), 'request id') };
}
