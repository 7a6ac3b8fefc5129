import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Authenticator } from '../support/authenticator.js';
import { onBothAdapters, TestApp, type Visitor } from '../support/harness.js';
import { Mailbox } from '../support/mailbox.js';
import { until } from '../support/until.js';

interface Enrolled extends Visitor {
  app: Authenticator;
  recoveryCodes: string[];
}

onBothAdapters('a second factor', (adapter) => {
  let app: TestApp;
  let mailbox: Mailbox;
  beforeAll(async () => {
    mailbox = await Mailbox.open();
    app = await TestApp.start({ HTTP_ADAPTER: adapter, THROTTLE_FAILED_LOGIN_LIMIT: '6', ...mailbox.env });
  });
  afterAll(async () => {
    await app.stop();
    await mailbox.stop();
  });

  let from: string;
  let addresses = 0;
  beforeEach(() => (from = `127.20.${adapter.length}.${++addresses}`));
  const post = (path: string, body: object | undefined, token?: string) =>
    app.post(path, body, { from, ...(token !== undefined && { token }) });

  async function enrol(): Promise<Enrolled> {
    const visitor = await app.register();
    const begun = await post('/auth/mfa/totp', undefined, visitor.token);
    const authenticator = new Authenticator(begun.body.uri);
    const confirmed = await post('/auth/mfa/totp/confirm', { code: authenticator.next() }, visitor.token);
    expect(confirmed.status).toBe(200);
    return { ...visitor, app: authenticator, recoveryCodes: confirmed.body.recoveryCodes };
  }
  const firstStep = ({ email, password }: Visitor) => post('/auth/login', { email, password });
  const tokenOf = async (user: Visitor): Promise<string> => (await firstStep(user)).body.mfaToken;
  const secondStep = (mfaToken: string, code: string) => post('/auth/login/mfa', { mfaToken, code });

  it('is required at login only after a code has confirmed it', async () => {
    const visitor = await app.register();
    const begun = await post('/auth/mfa/totp', undefined, visitor.token);
    expect(begun.status).toBe(201);
    expect(begun.headers['cache-control']).toBe('no-store');
    expect(begun.body).toEqual({ secret: expect.stringMatching(/^[A-Z2-7]{32}$/), uri: expect.any(String) });
    expect((await firstStep(visitor)).status).toBe(200);
    const authenticator = new Authenticator(begun.body.uri);
    const wrong = await post('/auth/mfa/totp/confirm', { code: authenticator.at(9) }, visitor.token);
    expect(wrong.body.errors).toEqual([expect.objectContaining({ path: 'code', code: 'codeWrong' })]);
    const right = await post('/auth/mfa/totp/confirm', { code: authenticator.next() }, visitor.token);
    expect(right.body.recoveryCodes).toHaveLength(10);
    const login = await firstStep(visitor);
    expect([login.status, login.body.code]).toEqual([401, 'AUTH_MFA_REQUIRED']);
    expect(login.body).toMatchObject({ mfaToken: expect.any(String), methods: ['totp', 'recoveryCode'] });
    expect(login.text).not.toContain('accessToken');
    expect((await post('/auth/mfa/totp', undefined, visitor.token)).status).toBe(409);
    expect((await app.get('/auth/mfa', { token: visitor.token })).body).toEqual({
      enabled: true,
      enabledAt: expect.any(String),
      recoveryCodesLeft: 10,
    });
  });

  it('ends the other sessions when it is confirmed', async () => {
    const visitor = await app.register();
    const other = await app.login(visitor.email, visitor.password);
    const { body } = await post('/auth/mfa/totp', undefined, visitor.token);
    await post('/auth/mfa/totp/confirm', { code: new Authenticator(body.uri).next() }, visitor.token);
    expect((await app.get('/auth/profile', { token: other.token })).status).toBe(401);
    expect((await app.get('/auth/profile', { token: visitor.token })).status).toBe(200);
  });

  it('accepts password and code, and names both methods in the token', async () => {
    const user = await enrol();
    const before = Math.floor(Date.now() / 1000);
    const login = await secondStep(await tokenOf(user), user.app.next());
    expect(login.status).toBe(200);
    const claims = JSON.parse(Buffer.from(login.body.accessToken.split('.')[1], 'base64url').toString());
    expect(claims.amr).toEqual(['pwd', 'otp', 'mfa']);
    expect(claims.auth_time).toBeGreaterThanOrEqual(before);
    expect(claims.auth_time).toBeLessThanOrEqual(Date.now() / 1000);
    const refreshed = await post('/auth/refresh', { refreshToken: login.body.refreshToken });
    const later = JSON.parse(Buffer.from(refreshed.body.accessToken.split('.')[1], 'base64url').toString());
    expect([later.amr, later.auth_time]).toEqual([claims.amr, claims.auth_time]);
  });

  it('accepts a code only once, even while it is still valid', async () => {
    const user = await enrol();
    const code = user.app.next();
    expect((await secondStep(await tokenOf(user), code)).status).toBe(200);
    const replay = await secondStep(await tokenOf(user), code);
    expect([replay.status, replay.body.code]).toEqual([401, 'AUTH_MFA_CODE_INVALID']);
    // Without the recorded step the code would be accepted: it is still a current code.
    await app.sql('UPDATE auth_second_factors SET last_step = 0 WHERE user_id = $1', [user.id]);
    expect((await secondStep(await tokenOf(user), code)).status).toBe(200);
  });

  it('accepts one of twenty concurrent logins with the same code', async () => {
    const user = await enrol();
    const [mfaToken, code] = [await tokenOf(user), user.app.next()];
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        app.post('/auth/login/mfa', { mfaToken, code }, { from: `127.21.${adapter.length}.${i + 1}` }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 401 || status === 429)).toHaveLength(19);
  });

  it('takes a token of the first step once, for its own user, for five minutes, and until the password changes', async () => {
    const [user, other] = [await enrol(), await enrol()];
    const used = await tokenOf(user);
    expect((await secondStep(used, user.app.next())).status).toBe(200);
    const expired = await tokenOf(other);
    await app.sql('UPDATE auth_one_time_tokens SET expires_at = now() WHERE user_id = $1', [other.id]);
    for (const [mfaToken, code] of [
      [used, user.app.at(0)],
      [expired, other.app.next()],
      [randomUUID(), other.app.at(0)],
    ] as const) {
      expect((await secondStep(mfaToken, code)).body.code).toBe('AUTH_MFA_TOKEN_INVALID');
    }
    const before = await tokenOf(other);
    const change = { currentPassword: other.password, newPassword: 'a new and better one' };
    expect((await post('/auth/change-password', change, other.token)).status).toBe(204);
    expect((await secondStep(before, other.app.at(0))).body.code).toBe('AUTH_MFA_TOKEN_INVALID');
  });

  it('refuses the second step if the account was locked after the first step', async () => {
    const user = await enrol();
    const mfaToken = await tokenOf(user);
    await app.sql('UPDATE users SET locked_at = now() WHERE id = $1', [user.id]);
    expect((await secondStep(mfaToken, user.app.next())).body.code).toBe('ACCOUNT_LOCKED');
  });

  it('limits wrong codes per account, from all addresses together', async () => {
    const user = await enrol();
    const mfaToken = await tokenOf(user);
    const statuses: number[] = [];
    for (let i = 1; i <= 8; i++) {
      const guess = { mfaToken, code: user.app.at(50 + i) };
      statuses.push((await app.post('/auth/login/mfa', guess, { from: `127.22.${adapter.length}.${i}` })).status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 401, 429, 429]);
    // The right code is refused as well.
    expect((await secondStep(mfaToken, user.app.next())).status).toBe(429);
  });

  it('is stored encrypted, and its recovery codes are stored as hashes', async () => {
    const user = await enrol();
    const [row] = await app.sql(
      `SELECT encode(encrypted_secret, 'escape') AS secret FROM auth_second_factors WHERE user_id = $1`,
      [user.id],
    );
    const codes = await app.sql(
      `SELECT encode(code_hash, 'escape') AS hash FROM auth_recovery_codes WHERE user_id = $1`,
      [user.id],
    );
    expect(codes).toHaveLength(10);
    for (const { hash } of codes) expect(user.recoveryCodes.join()).not.toContain(hash);
    const other = await enrol();
    await app.sql(
      `UPDATE auth_second_factors SET last_step = 0,
        encrypted_secret = (SELECT encrypted_secret FROM auth_second_factors WHERE user_id = $2) WHERE user_id = $1`,
      [user.id, other.id],
    );
    // The server refuses a secret that an attacker copied to another user in the database.
    expect((await secondStep(await tokenOf(user), other.app.next())).body.code).toBe('AUTH_MFA_CODE_INVALID');
    expect(row.secret).not.toContain(user.recoveryCodes[0]);
  });

  describe('a recovery code', () => {
    it('is accepted once, and the owner receives an e-mail', async () => {
      const user = await enrol();
      const [code = ''] = user.recoveryCodes;
      const login = await secondStep(await tokenOf(user), code.toLowerCase().replaceAll('-', ' '));
      expect(login.status).toBe(200);
      expect((await secondStep(await tokenOf(user), code)).body.code).toBe('AUTH_MFA_CODE_INVALID');
      expect((await app.get('/auth/mfa', { token: login.body.accessToken })).body.recoveryCodesLeft).toBe(9);
      const hasMail = async () =>
        (await mailbox.mailsTo(user.email)).some(({ text }) => text.startsWith('9 codes are left'));
      await until('the owner receives the e-mail', hasMail);
    });

    it('is accepted for one of twenty concurrent logins', async () => {
      const user = await enrol();
      const [code = ''] = user.recoveryCodes;
      const mfaToken = await tokenOf(user);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          app.post('/auth/login/mfa', { mfaToken, code }, { from: `127.23.${adapter.length}.${i + 1}` }),
        ),
      );
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    });

    it('becomes invalid when new codes are created', async () => {
      const user = await enrol();
      const { body } = await post('/auth/mfa/recovery-codes', { code: user.app.next() }, user.token);
      expect(body.recoveryCodes).toHaveLength(10);
      const [before, after] = [user.recoveryCodes[0], body.recoveryCodes[0]];
      expect((await secondStep(await tokenOf(user), before)).status).toBe(401);
      expect((await secondStep(await tokenOf(user), after)).status).toBe(200);
    });
  });

  it('is disabled only by password and code, and then the login has one step again', async () => {
    const user = await enrol();
    const disable = (currentPassword: string, code: string) =>
      post('/auth/mfa/totp/disable', { currentPassword, code }, user.token);
    expect((await disable('wrong password', user.app.at(1))).body.errors[0].code).toBe('passwordWrong');
    expect((await disable(user.password, user.app.at(60))).body.errors[0].code).toBe('codeWrong');
    expect((await firstStep(user)).body.code).toBe('AUTH_MFA_REQUIRED');
    const done = await disable(user.password, user.app.next());
    expect(done.status).toBe(204);
    expect(await app.auditOf(String(done.headers['x-request-id']))).toEqual([
      expect.objectContaining({ action: 'auth.mfa_disabled', actorId: user.id, outcome: 'success' }),
    ]);
    expect((await firstStep(user)).status).toBe(200);
    expect(await app.sql('SELECT 1 FROM auth_recovery_codes WHERE user_id = $1', [user.id])).toEqual([]);
  });

  it('can be removed by an administrator, which ends the sessions of the user', async () => {
    const [user, admin] = [await enrol(), await app.register()];
    expect((await app.delete(`/admin/users/${user.id}/mfa`, { token: admin.token })).status).toBe(403);
    await app.sql(`UPDATE users SET roles = '{Admin}' WHERE id = $1`, [admin.id]);
    const again = await app.login(admin.email, admin.password);
    expect((await app.delete(`/admin/users/${user.id}/mfa`, { token: again.token })).status).toBe(204);
    expect((await app.delete(`/admin/users/${user.id}/mfa`, { token: again.token })).status).toBe(404);
    expect((await app.get('/auth/profile', { token: user.token })).status).toBe(401);
    expect((await firstStep(user)).status).toBe(200);
  });

  it('is audited at each step of a login and at each wrong code', async () => {
    const user = await enrol();
    const login = await firstStep(user);
    const wrong = await secondStep(login.body.mfaToken, user.app.at(70));
    const right = await secondStep(login.body.mfaToken, user.app.next());
    const actions = [];
    for (const { headers } of [login, wrong, right]) {
      actions.push((await app.auditOf(String(headers['x-request-id']))).map(({ action }) => action));
    }
    expect(actions).toEqual([['auth.mfa_required'], ['auth.mfa_failed'], ['auth.login']]);
  });

  describe('and routes that require a recent login', () => {
    /** A session whose user logged in an hour ago, and has refreshed since. */
    async function stale<T extends Visitor>(user: T): Promise<T> {
      await app.sql(`UPDATE auth_sessions SET authenticated_at = now() - interval '1 hour' WHERE user_id = $1`, [
        user.id,
      ]);
      const { body } = await post('/auth/refresh', { refreshToken: user.refreshToken });
      return { ...user, token: body.accessToken };
    }

    const SENSITIVE: [string, object | undefined][] = [
      ['/auth/change-email', { newEmail: 'other@example.com', currentPassword: 'correct horse battery' }],
      ['/auth/deactivate-account', { currentPassword: 'correct horse battery' }],
      ['/auth/delete-account', { currentPassword: 'correct horse battery' }],
      ['/auth/mfa/totp', undefined],
      ['/auth/mfa/totp/confirm', { code: '123456' }],
      ['/auth/mfa/totp/disable', { currentPassword: 'correct horse battery', code: '123456' }],
      ['/auth/mfa/recovery-codes', { code: '123456' }],
    ];

    it.each(SENSITIVE)('%s refuses an old login with the challenge of RFC 9470', async (path, body) => {
      const { token } = await stale(await app.register());
      const answer = await post(path, body, token);
      expect([answer.status, answer.body.code]).toEqual([401, 'AUTH_STEP_UP_REQUIRED']);
      const challenge = String(answer.headers['www-authenticate']);
      expect(challenge).toMatch(/^Bearer .*error="insufficient_user_authentication"/);
      expect(challenge).toContain('max_age="600"');
    });

    it('accept a step-up, which renews the login time of the session', async () => {
      const user = await stale(await app.register());
      const wrong = await post('/auth/step-up', { currentPassword: 'wrong password' }, user.token);
      expect(wrong.body.errors[0].code).toBe('passwordWrong');
      const up = await post('/auth/step-up', { currentPassword: user.password }, user.token);
      expect(up.body).toEqual({ accessToken: expect.any(String), tokenType: 'Bearer', expiresIn: 900 });
      expect((await post('/auth/mfa/totp', undefined, up.body.accessToken)).status).toBe(201);
      const [{ authenticated_at: at }] = await app.sql(
        'SELECT authenticated_at FROM auth_sessions WHERE user_id = $1',
        [user.id],
      );
      expect(Date.now() - at.getTime()).toBeLessThan(60_000);
    });

    it('require a code at the step-up if the user has a second factor', async () => {
      const user = await stale(await enrol());
      const up = (code?: string) => post('/auth/step-up', { currentPassword: user.password, code }, user.token);
      expect((await up()).body.errors[0].code).toBe('codeWrong');
      expect((await up(user.app.at(80))).body.errors[0].code).toBe('codeWrong');
      expect((await up(user.app.next())).status).toBe(200);
    });
  });
});
