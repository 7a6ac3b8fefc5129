import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileMailSender, MailSender, type Mail } from '../../src/auth/index.js';
import { ownDatabase } from '../support/database.js';
import { onBothAdapters, TestApp, type Visitor } from '../support/harness.js';
import { Mailbox } from '../support/mailbox.js';
import { until } from '../support/until.js';

const NEW_PASSWORD = 'a new and better one';

onBothAdapters('an account', (adapter) => {
  let app: TestApp;
  let mailbox: Mailbox;
  beforeAll(async () => {
    mailbox = await Mailbox.open();
    app = await TestApp.start({ HTTP_ADAPTER: adapter, ...mailbox.env });
  });
  afterAll(async () => {
    await app.stop();
    await mailbox.stop();
  });

  const statusOf = async ({ token }: Pick<Visitor, 'token'>) => (await app.get('/auth/profile', { token })).status;
  const loginStatus = async (email: string, password: string) =>
    (await app.post('/auth/login', { email, password })).status;

  it('allows its owner to change only the name', async () => {
    const { token } = await app.register();
    const renamed = await app.patch('/auth/profile', { name: 'Other Name' }, { token });
    expect(renamed.body.name).toBe('Other Name');
    for (const extra of [{ roles: ['Admin'] }, { email: 'other@example.com' }, { id: randomUUID() }]) {
      const answer = await app.patch('/auth/profile', { name: 'Name', ...extra }, { token });
      expect(answer.body.errors).toContainEqual(expect.objectContaining({ code: 'whitelistValidation' }));
    }
  });

  describe('password', () => {
    it('can be changed with the current one, which ends the other sessions', async () => {
      const mine = await app.register();
      const other = await app.login(mine.email, mine.password);
      const change = (currentPassword: string, newPassword = NEW_PASSWORD) =>
        app.post('/auth/change-password', { currentPassword, newPassword }, { token: mine.token });
      const wrong = await change('not the old one');
      expect(wrong.body.errors).toEqual([expect.objectContaining({ path: 'currentPassword', code: 'passwordWrong' })]);
      expect(await statusOf(other)).toBe(200);
      const weak = await change(mine.password, 'password123');
      expect(weak.body.errors).toEqual([expect.objectContaining({ path: 'newPassword', code: 'passwordCommon' })]);
      expect((await change(mine.password)).status).toBe(204);
      expect([await statusOf(mine), await statusOf(other)]).toEqual([200, 401]);
      expect(await loginStatus(mine.email, mine.password)).toBe(401);
      expect(await loginStatus(mine.email, NEW_PASSWORD)).toBe(200);
    });

    it('can be reset once with a mailed token, which ends all sessions', async () => {
      const user = await app.register();
      expect((await app.post('/auth/forgot-password', { email: user.email.toUpperCase() })).status).toBe(202);
      const token = await mailbox.tokenFor(user.email, /^Reset/);
      const weak = await app.post('/auth/reset-password', { token, password: 'password123' });
      expect(weak.body.errors).toEqual([expect.objectContaining({ path: 'password', code: 'passwordCommon' })]);
      const tries = await Promise.all(
        Array.from({ length: 10 }, () => app.post('/auth/reset-password', { token, password: NEW_PASSWORD })),
      );
      expect(tries.filter(({ status }) => status === 204)).toHaveLength(1);
      expect(tries.filter(({ body }) => body?.code === 'ONE_TIME_TOKEN_INVALID')).toHaveLength(9);
      expect(await statusOf(user)).toBe(401);
      expect(await loginStatus(user.email, user.password)).toBe(401);
      expect(await loginStatus(user.email, NEW_PASSWORD)).toBe(200);
    });

    it('can be reset once with any valid reset token, but not with an expired or other token', async () => {
      const { email, token, id } = await app.register();
      const reset = async (one: string) =>
        (await app.post('/auth/reset-password', { token: one, password: NEW_PASSWORD })).body?.code;
      await app.post('/auth/forgot-password', { email });
      const older = await mailbox.tokenFor(email, /^Reset/);
      await app.post('/auth/forgot-password', { email });
      const newer = await mailbox.tokenFor(email, /^Reset/, 1);
      await app.post('/auth/forgot-password', { email });
      const expired = await mailbox.tokenFor(email, /^Reset/, 2);
      await app.post('/auth/verify-email/send', undefined, { token });
      const verify = await mailbox.tokenFor(email, /^Confirm your address/);
      const hash = createHash('sha256').update(expired).digest();
      const { affectedRows } = await app
        .sql(
          `WITH changed AS (UPDATE auth_one_time_tokens SET expires_at = now() WHERE user_id = $1 AND secret_hash = $2 RETURNING 1)
          SELECT count(*)::int AS "affectedRows" FROM changed`,
          [id, hash],
        )
        .then(([row]) => row);
      expect(affectedRows).toBe(1);
      expect([await reset(expired), await reset(verify)]).toEqual(['ONE_TIME_TOKEN_INVALID', 'ONE_TIME_TOKEN_INVALID']);
      // A reset request by a stranger does not void the owner's token. The use of one token voids the others.
      expect([await reset(older), await reset(older), await reset(newer)]).toEqual([
        undefined,
        'ONE_TIME_TOKEN_INVALID',
        'ONE_TIME_TOKEN_INVALID',
      ]);
    });

    it('reset requests get the same answer for known and unknown accounts', async () => {
      const { email } = await app.register();
      const known = await app.post('/auth/forgot-password', { email });
      const unknown = await app.post('/auth/forgot-password', { email: `${randomUUID()}@example.com` });
      expect([unknown.status, unknown.text]).toEqual([known.status, known.text]);
    });

    it.each([
      ['common', 'Password123', 'passwordCommon'],
      ['the email itself', undefined, 'passwordContext'],
    ])('is refused when it is %s', async (_what, password, code) => {
      const email = `${randomUUID()}@example.com`;
      const answer = await app.post('/auth/register', { email, password: password ?? email, name: 'X' });
      expect(answer.status).toBe(400);
      expect(answer.body.errors).toEqual([expect.objectContaining({ path: 'password', code })]);
    });
  });

  describe('address', () => {
    it('is confirmed with a mailed token', async () => {
      const { email, token, id } = await app.register();
      const first = await mailbox.tokenFor(email, /^Confirm/);
      await app.post('/auth/verify-email/send', undefined, { token });
      const mailed = await mailbox.tokenFor(email, /^Confirm/, 1);
      expect((await app.post('/auth/verify-email', { token: `${first.slice(0, -1)}_` })).status).toBe(400);
      expect((await app.post('/auth/verify-email', { token: mailed })).status).toBe(204);
      expect((await app.post('/auth/verify-email', { token: mailed })).status).toBe(400);
      expect((await app.post('/auth/verify-email', { token: first })).status).toBe(400);
      const [row] = await app.sql('SELECT email_verified_at FROM users WHERE id = $1', [id]);
      expect(row.email_verified_at).not.toBeNull();
    });

    it('changes after the new one is confirmed, and the old one receives a notice', async () => {
      const { email, token, password } = await app.register();
      const newEmail = `${randomUUID()}@example.com`;
      const ask = (currentPassword: string) => app.post('/auth/change-email', { newEmail, currentPassword }, { token });
      expect((await ask('wrong password')).status).toBe(400);
      expect((await ask(password)).status).toBe(202);
      expect((await app.get('/auth/profile', { token })).body.email).toBe(email);
      const mailed = await mailbox.tokenFor(newEmail, /^Confirm your new/);
      await until('the old address has a mail', async () => (await mailbox.mailsTo(email)).length > 0);
      expect((await app.post('/auth/change-email/confirm', { token: mailed })).status).toBe(204);
      expect((await app.get('/auth/profile', { token })).body.email).toBe(newEmail);
      expect([await loginStatus(email, password), await loginStatus(newEmail, password)]).toEqual([401, 200]);
    });

    it('cannot change to the address of another account', async () => {
      const [one, other] = [await app.register(), await app.register()];
      const body = { newEmail: other.email, currentPassword: one.password };
      expect((await app.post('/auth/change-email', body, { token: one.token })).status).toBe(202);
      const token = await mailbox.tokenFor(other.email, /^Confirm your new/);
      expect((await app.post('/auth/change-email/confirm', { token })).body.code).toBe('EMAIL_TAKEN');
    });
  });

  it('can be deleted by its owner with the password', async () => {
    const { id, token, password } = await app.register();
    const end = (currentPassword: string) => app.post('/auth/delete-account', { currentPassword }, { token });
    expect((await end('wrong password')).status).toBe(400);
    expect((await end(password)).status).toBe(204);
    expect(await statusOf({ token })).toBe(401);
    expect(await app.sql('SELECT id FROM users WHERE id = $1', [id])).toEqual([]);
  });

  describe('for administrators', () => {
    let admin: Visitor;
    beforeAll(async () => {
      admin = await app.register();
      await app.sql(`UPDATE users SET roles = '{Admin}' WHERE id = $1`, [admin.id]);
    });

    it('is not accessible to other users', async () => {
      const user = await app.register();
      const calls: [string, string][] = [
        ['GET', '/admin/users'],
        ['PATCH', `/admin/users/${user.id}`],
        ['POST', `/admin/users/${user.id}/reset-password`],
        ['DELETE', `/admin/users/${user.id}/sessions`],
      ];
      for (const [method, path] of calls) {
        expect((await app.send(method, path)).status).toBe(401);
        expect((await app.send(method, path, { token: user.token, body: { roles: ['Admin'] } })).status).toBe(403);
      }
    });

    it('appears exactly once in a paginated search', async () => {
      const name = randomUUID();
      const users = [];
      for (let i = 0; i < 5; i++) users.push(await app.register(`${name}-${i}@example.com`));
      const found: string[] = [];
      let cursor = '';
      for (let page = 0; page < 3; page++) {
        const path = `/admin/users?search=${name.toUpperCase()}&limit=2${cursor && `&cursor=${cursor}`}`;
        const { body } = await app.get(path, { token: admin.token });
        found.push(...body.users.map(({ id }: { id: string }) => id));
        cursor = body.next;
      }
      expect(found).toEqual(users.map(({ id }) => id));
      expect(cursor).toBeNull();
    });

    it('is not found with wildcards, and its hash is not shown', async () => {
      const answer = await app.get('/admin/users?search=%25', { token: admin.token });
      expect(answer.body.users).toEqual([]);
      const { text } = await app.get('/admin/users?limit=100', { token: admin.token });
      expect(text).not.toContain('$2b$');
    });

    it('can be changed with an audit event, but administrators cannot lock themselves out', async () => {
      const { id } = await app.register();
      const change = await app.patch(`/admin/users/${id}`, { roles: ['Developer', 'User'] }, { token: admin.token });
      expect(await app.auditOf(String(change.headers['x-request-id']))).toEqual([
        expect.objectContaining({
          action: 'user.roles_change',
          actorId: admin.id,
          target: `user:${id}`,
          metadata: { before: ['User'], after: ['Developer', 'User'] },
        }),
      ]);
      const read = await app.get('/admin/users?limit=1', { token: admin.token });
      expect(await app.auditOf(String(read.headers['x-request-id']))).toEqual([
        expect.objectContaining({ action: 'admin.action', actorId: admin.id, route: 'GET /admin/users' }),
      ]);
      for (const body of [{ locked: true }, { roles: ['User'] }]) {
        expect((await app.patch(`/admin/users/${admin.id}`, body, { token: admin.token })).status).toBe(409);
      }
      expect((await app.patch(`/admin/users/${id}`, { roles: ['Root'] }, { token: admin.token })).status).toBe(400);
      expect((await app.patch(`/admin/users/${randomUUID()}`, {}, { token: admin.token })).status).toBe(404);
    });

    it('needs a new password after a forced reset', async () => {
      const user = await app.register();
      const path = `/admin/users/${user.id}/reset-password`;
      expect((await app.post(path, undefined, { token: admin.token })).status).toBe(202);
      expect(await loginStatus(user.email, user.password)).toBe(401);
      expect(await statusOf(user)).toBe(401);
      const token = await mailbox.tokenFor(user.email, /^Reset/);
      await app.post('/auth/reset-password', { token, password: NEW_PASSWORD });
      expect(await loginStatus(user.email, NEW_PASSWORD)).toBe(200);
    });
  });
});

describe('mail', () => {
  it('is stored encrypted until a mail server accepts it', async () => {
    const app = await TestApp.start({ AUTH_EMAIL_VERIFICATION: 'off', DATABASE_URL: await ownDatabase() });
    try {
      const sender = app.app.get(MailSender);
      const sent: Mail[] = [];
      let isAway = true;
      sender.send = async (mail: Mail) => {
        if (isAway) throw new Error('connection refused');
        sent.push(mail);
      };
      const { email } = await app.register();
      await app.post('/auth/forgot-password', { email });
      const waiting = `SELECT encode(encrypted_mail, 'escape') AS mail, last_error FROM mail_outbox`;
      await until('an attempt failed', async () => (await app.sql(waiting)).some((row) => row.last_error !== null));
      const [row] = await app.sql(waiting);
      expect(row.last_error).toBe('connection refused');
      expect(row.mail).not.toContain(email);
      isAway = false;
      await until('the mail is sent', () => sent.some(({ to }) => to === email));
      await until('the outbox is empty', async () => (await app.sql(waiting)).length === 0);
    } finally {
      await app.stop();
    }
  });

  it('is written completely to a file that only its owner can read', async () => {
    const mailbox = await Mailbox.open();
    const sender = new FileMailSender(mailbox.env['MAIL_URL']?.slice('file:'.length) ?? '');
    const mail = { id: randomUUID(), to: 'a@example.com', subject: 'S', text: 'T' };
    await sender.send(mail);
    expect(await mailbox.mailsTo('a@example.com')).toEqual([mail]);
    await mailbox.stop();
  });
});

describe('passwords', () => {
  const pepper = 'a pepper of the test suite, which is long enough';

  it('longer than 72 bytes are verified completely with a pepper', async () => {
    const app = await TestApp.start({ PASSWORD_PEPPER: pepper });
    try {
      const long = 'ä'.repeat(60);
      const { email } = await app.register(undefined, `${long}1`);
      expect((await app.post('/auth/login', { email, password: `${long}1` })).status).toBe(200);
      // bcrypt alone would accept this password, because it differs only after byte 72.
      expect((await app.post('/auth/login', { email, password: `${long}2` })).status).toBe(401);
    } finally {
      await app.stop();
    }
  });

  it('are hashed again at login after the cost or the pepper has changed', async () => {
    const hashOf = async (app: TestApp, id: string): Promise<string> =>
      (await app.sql('SELECT password_hash FROM users WHERE id = $1', [id]))[0].password_hash;
    const before = await TestApp.start();
    const user = await before.register();
    expect(await hashOf(before, user.id)).toMatch(/^\$2b\$04\$/);
    await before.stop();
    for (const [env, expected] of [
      [{ BCRYPT_COST: '5' }, /^\$2b\$05\$/],
      [{ BCRYPT_COST: '5', PASSWORD_PEPPER: pepper }, /^\{hmac-sha384\}\$2b\$05\$/],
    ] as const) {
      const app = await TestApp.start(env);
      try {
        expect((await app.post('/auth/login', { email: user.email, password: 'wrong password' })).status).toBe(401);
        await app.login(user.email, user.password);
        expect(await hashOf(app, user.id)).toMatch(expected);
        await app.login(user.email, user.password);
      } finally {
        await app.stop();
      }
    }
  });

  it('must be longer in the strict profile', async () => {
    const app = await TestApp.start({ PASSWORD_PROFILE: 'strict' });
    try {
      const body = { email: `${randomUUID()}@example.com`, password: 'Test123!', name: 'X' };
      const answer = await app.post('/auth/register', body);
      expect(answer.body.errors).toEqual([expect.objectContaining({ code: 'passwordLength' })]);
    } finally {
      await app.stop();
    }
  });

  it('cause 503 with Retry-After when too many arrive at once, and other routes still respond', async () => {
    const app = await TestApp.start({ BCRYPT_COST: '8' });
    try {
      const email = `${randomUUID()}@example.com`;
      const flood = Array.from({ length: 300 }, () => app.post('/auth/login', { email, password: 'whatever it is' }));
      expect((await app.get('/health/live')).status).toBe(200);
      const answers = await Promise.all(flood);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401, 503]));
      const refused = answers.find(({ status }) => status === 503);
      expect(refused?.headers['retry-after']).toBe('2');
      expect((await app.post('/auth/login', { email, password: 'whatever it is' })).status).toBe(401);
    } finally {
      await app.stop();
    }
  });

  it('are protected against guessing per account, and correct passwords are not counted', async () => {
    const app = await TestApp.start({ THROTTLE_FAILED_LOGIN_LIMIT: '3' });
    try {
      const { email, password } = await app.register();
      for (let i = 0; i < 5; i++) await app.login(email, password);
      const statuses = [];
      for (let i = 1; i <= 5; i++) {
        const from = `127.6.0.${i}`;
        statuses.push((await app.post('/auth/login', { email, password: 'wrong password' }, { from })).status);
      }
      expect(statuses).toEqual([401, 401, 401, 429, 429]);
    } finally {
      await app.stop();
    }
  });
});
