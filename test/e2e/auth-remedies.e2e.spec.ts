import { randomBytes, randomUUID } from 'node:crypto';
import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuthorizationModule } from '../../src/authorization/index.js';
import { invalidationsReceived } from '../support/accounts/credentials.js';
import { administratorOf, ReplicaPair } from '../support/accounts/replica-pair.js';
import { expectedOf, loginOf, RESET_SUBJECT, Subject, type Login } from '../support/accounts/subject.js';
import { ownDatabase } from '../support/database.js';
import { TestApp, type Visitor } from '../support/harness.js';
import { until } from '../support/until.js';

let pair: ReplicaPair;
let one: TestApp;
let other: TestApp;
beforeAll(async () => {
  pair = await ReplicaPair.start();
  [one, other] = pair.replicas;
});
afterAll(() => pair.stop());

const loginStatus = async (email: string, password: string) =>
  (await other.post('/auth/login', { email, password })).status;

/** A session whose login is one hour old, with new tokens. */
async function oldLogin(app: TestApp, { refreshToken, sessionId }: Login): Promise<Login> {
  await app.sql(`UPDATE auth_sessions SET authenticated_at = now() - interval '1 hour' WHERE id = $1`, [sessionId]);
  return loginOf(expectedOf(await app.post('/auth/refresh', { refreshToken }), 200));
}

async function forceReset({ id }: { id: string }): Promise<void> {
  const [{ token }] = pair.administrators;
  expectedOf(await one.post(`/admin/users/${id}/reset-password`, undefined, { token }), 202);
}

async function changeUser({ id }: { id: string }, body: object): Promise<void> {
  const [{ token }] = pair.administrators;
  expectedOf(await one.patch(`/admin/users/${id}`, body, { token }), 200);
}

/** The reset tokens of all mails to an address, after all mails are sent. */
async function allResetTokens(email: string): Promise<string[]> {
  await pair.finishBackgroundWork();
  const isEmpty = async () => (await pair.sql('SELECT 1 FROM mail_outbox')).length === 0;
  await until('the outbox is empty', isEmpty);
  return pair.postbox.tokensFor(email, RESET_SUBJECT);
}

describe('a thief who knows the password', () => {
  it('cannot confirm a new address after a forced reset', async () => {
    const owner = await Subject.create(pair);
    await forceReset(owner);
    const stolen = await other.post('/auth/change-email/confirm', { token: owner.changeEmailToken });
    expect([stolen.status, stolen.body?.code]).toEqual([400, 'ONE_TIME_TOKEN_INVALID']);
    expect(await pair.sql('SELECT email FROM users WHERE id = $1', [owner.id])).toEqual([{ email: owner.email }]);
  });

  it.each<[string, object]>([
    ['locked', { locked: true }],
    ['deactivated', { deactivated: true }],
  ])('cannot confirm a new address of an account that is %s', async (_state, change) => {
    const owner = await Subject.create(pair);
    await changeUser(owner, change);
    const token = owner.changeEmailToken;
    expect((await other.post('/auth/change-email/confirm', { token })).status).toBe(400);
    expect((await other.post('/auth/verify-email', { token: owner.verifyToken })).status).toBe(400);
  });

  it.each<[string, (owner: Subject) => Promise<unknown>]>([
    ['a forced reset', forceReset],
    [
      'a reset',
      async ({ resetTokens: [token] }) =>
        expectedOf(await one.post('/auth/reset-password', { token, password: 'a new and better one' }), 204),
    ],
    [
      'a change of the password',
      async ({ password, logins: [login] }) => {
        const body = { currentPassword: password, newPassword: 'a new and better one' };
        expectedOf(await one.post('/auth/change-password', body, { token: login?.accessToken }), 204);
      },
    ],
  ])('cannot complete a login that began before %s', async (_event, voidPassword) => {
    const owner = await Subject.create(pair, { factor: 'confirmed' });
    const [mfaToken] = owner.mfaTokens;
    await voidPassword(owner);
    const answer = await other.post('/auth/login/mfa', { mfaToken, code: owner.authenticator?.at(0) });
    expect([answer.status, answer.body?.code]).toEqual([401, 'AUTH_MFA_TOKEN_INVALID']);
  });
});

describe('a refresh token', () => {
  it('that was already used ends its session and the newer token at logout', async () => {
    const { logins } = await Subject.create(pair, { logins: 1 });
    const old = logins[0] as Login;
    const newer = loginOf(expectedOf(await one.post('/auth/refresh', { refreshToken: old.refreshToken }), 200));
    expect((await other.get('/auth/profile', { token: newer.accessToken })).status).toBe(200);
    expect((await one.post('/auth/logout', { refreshToken: old.refreshToken })).status).toBe(204);
    await invalidationsReceived(pair);
    expect((await other.get('/auth/profile', { token: newer.accessToken })).status).toBe(401);
    for (const refreshToken of [newer.refreshToken, old.refreshToken]) {
      expect((await other.post('/auth/refresh', { refreshToken })).status).toBe(401);
    }
  });

  it('that is forged from a session id does not end the session', async () => {
    const { logins } = await Subject.create(pair, { logins: 1 });
    const { accessToken, refreshToken, sessionId } = logins[0] as Login;
    const [, , tag = ''] = refreshToken.split('.');
    const madeUp = (length: number) => randomBytes(64).toString('base64url').slice(0, length);
    const lengths = [...new Set([tag.length, 16, 22, 43])];
    const tokens = [
      `${sessionId}.${madeUp(43)}`,
      ...lengths.map((length) => `${sessionId}.${madeUp(43)}.${madeUp(length)}`),
      `${sessionId}.${madeUp(43)}.${tag}`,
    ];
    for (const forged of tokens) {
      expect((await one.post('/auth/refresh', { refreshToken: forged })).status).toBe(401);
      await one.post('/auth/logout', { refreshToken: forged });
      expect((await one.get('/auth/profile', { token: accessToken })).status).toBe(200);
    }
    expect((await other.post('/auth/refresh', { refreshToken })).status).toBe(200);
  });
});

describe('an API key', () => {
  const body = { name: 'robot', permissions: ['orders:read'] };

  it('cannot be created after an old login until a step-up', async () => {
    const subject = await Subject.create(pair, { logins: 1, apiKeys: 0 });
    const { accessToken: token } = await oldLogin(one, subject.logins[0] as Login);
    const refused = await one.post('/api-keys', body, { token });
    expect([refused.status, refused.body?.code]).toEqual([401, 'AUTH_STEP_UP_REQUIRED']);
    const stepUp = await one.post('/auth/step-up', { currentPassword: subject.password }, { token });
    const recent = { token: expectedOf(stepUp, 200).accessToken };
    expect((await one.post('/api-keys', body, recent)).status).toBe(201);
  });

  it.each<[string, (owner: Subject) => Promise<unknown>]>([
    ['a forced reset', forceReset],
    [
      'a lock that was undone',
      async (owner) => {
        await changeUser(owner, { locked: true });
        await changeUser(owner, { locked: false });
      },
    ],
    [
      'a deactivation that was undone',
      async (owner) => {
        await changeUser(owner, { deactivated: true });
        await changeUser(owner, { deactivated: false });
      },
    ],
    [
      'a reset of the password',
      async ({ resetTokens: [token] }) =>
        expectedOf(await one.post('/auth/reset-password', { token, password: 'a new and better one' }), 204),
    ],
  ])('is revoked by %s, on every replica', async (_event, remedy) => {
    const owner = await Subject.create(pair, { apiKeys: 1 });
    const token = owner.apiKeys[0]?.key;
    expect((await other.get('/orders', { token })).status).toBe(200);
    await remedy(owner);
    await invalidationsReceived(pair);
    for (const replica of pair.replicas) {
      expect((await replica.get('/orders', { token })).body?.code).toBe('API_KEY_REVOKED');
    }
  });
});

describe('an administrator', () => {
  it('cannot grant or remove a custom role that is higher than Admin', async () => {
    const roles = { Root: { inherits: ['Admin'], permissions: ['*'] } };
    @Module({ imports: [AuthorizationModule.forRoot({ roles })] })
    class RolesModule {}
    const app = await TestApp.start({}, { imports: [RolesModule] });
    try {
      const [admin, root, user] = [await administratorOf(app), await app.register(), await app.register()];
      await app.sql(`UPDATE users SET roles = '{Root}' WHERE id = $1`, [root.id]);
      const give = (to: Visitor, given: string[]) =>
        app.patch(`/admin/users/${to.id}`, { roles: given }, { token: admin.token });
      for (const [to, given] of [
        [admin, ['Admin', 'Root', 'User']],
        [user, ['Root', 'User']],
        [root, ['User']],
      ] as const) {
        const answer = await give(to, [...given]);
        expect([answer.status, answer.body?.code]).toEqual([403, 'ACCESS_DENIED']);
      }
      expect(await app.sql(`SELECT id FROM users WHERE 'Root' = ANY (roles)`)).toEqual([{ id: root.id }]);
      expect((await give(user, ['Developer', 'User'])).status).toBe(200);
    } finally {
      await app.stop();
    }
  });

  it('who was deleted is not created again from ADMIN_EMAIL at the next start', async () => {
    const env = {
      DATABASE_URL: await ownDatabase(),
      ADMIN_EMAIL: `${randomUUID()}@example.com`,
      ADMIN_PASSWORD: 'the first of many passwords',
    };
    const before = await TestApp.start(env);
    try {
      const { token, password } = await before.login(env.ADMIN_EMAIL, env.ADMIN_PASSWORD);
      await administratorOf(before);
      const deleted = await before.post('/auth/delete-account', { currentPassword: password }, { token });
      expect(deleted.status).toBe(204);
    } finally {
      await before.stop();
    }
    const after = await TestApp.start(env);
    try {
      expect(await after.sql('SELECT id FROM users WHERE email = $1', [env.ADMIN_EMAIL])).toEqual([]);
    } finally {
      await after.stop();
    }
  });

  it('with an old login cannot change a user or force a reset until a step-up', async () => {
    const [visitor, user] = [await administratorOf(one), await one.register()];
    const recent = loginOf({ accessToken: visitor.token, refreshToken: visitor.refreshToken });
    const { accessToken } = await oldLogin(one, recent);
    const calls = (token: string) => [
      () => one.patch(`/admin/users/${user.id}`, { roles: ['Developer', 'User'] }, { token }),
      () => one.patch(`/admin/users/${user.id}`, { locked: false }, { token }),
      () => one.post(`/admin/users/${user.id}/reset-password`, undefined, { token }),
    ];
    for (const call of calls(accessToken)) {
      const refused = await call();
      expect([refused.status, refused.body?.code]).toEqual([401, 'AUTH_STEP_UP_REQUIRED']);
    }
    expect(await one.sql('SELECT roles FROM users WHERE id = $1', [user.id])).toEqual([{ roles: ['User'] }]);
    expect(await loginStatus(user.email, user.password)).toBe(200);
    const stepUp = await one.post('/auth/step-up', { currentPassword: visitor.password }, { token: accessToken });
    for (const call of calls(expectedOf(stepUp, 200).accessToken)) expect((await call()).status).toBeLessThan(300);
  });
});

describe('a mail', () => {
  it('to reset a password does not void the token of an earlier mail', async () => {
    const owner = await Subject.create(pair);
    const [token] = owner.resetTokens;
    await other.post('/auth/forgot-password', { email: owner.email });
    expect(await allResetTokens(owner.email)).toHaveLength(2);
    const reset = await one.post('/auth/reset-password', { token, password: 'a new and better one' });
    expect(reset.status).toBe(204);
    expect(await loginStatus(owner.email, 'a new and better one')).toBe(200);
  });

  it('to reset a password is sent at most five times while the tokens are valid', async () => {
    const { email } = await one.register();
    for (let i = 0; i < 7; i++) {
      expect((await pair.replicas[i % 2 === 0 ? 0 : 1].post('/auth/forgot-password', { email })).status).toBe(202);
      await pair.finishBackgroundWork();
    }
    const tokens = await allResetTokens(email);
    expect(tokens).toHaveLength(5);
    const reset = await one.post('/auth/reset-password', { token: tokens[0], password: 'a new and better one' });
    expect(reset.status).toBe(204);
  });

  it('is not sent to reset the password of a locked or deactivated account', async () => {
    for (const change of [{ locked: true }, { deactivated: true }]) {
      const user = await one.register();
      await changeUser(user, change);
      expect((await other.post('/auth/forgot-password', { email: user.email })).status).toBe(202);
      const call = { token: pair.administrators[0].token };
      // The request may succeed or be refused, but no token is mailed.
      expect((await one.post(`/admin/users/${user.id}/reset-password`, undefined, call)).status).toBeLessThan(500);
      expect(await allResetTokens(user.email)).toEqual([]);
    }
  });

  it.each([/^Confirm your address/, /^Confirm your new address/])(
    'that asks to confirm an address explains what to do if you did not request it (%s)',
    async (subject) => {
      const { email, newEmail } = await Subject.create(pair);
      const mails = [...pair.postbox.mailsTo(email), ...pair.postbox.mailsTo(newEmail)];
      const texts = mails.filter((mail) => subject.test(mail.subject)).map(({ text }) => text);
      expect(texts).toHaveLength(1);
      expect(texts[0]).toMatch(/not you|did not ask|didn't ask|ignore this mail/i);
    },
  );
});
