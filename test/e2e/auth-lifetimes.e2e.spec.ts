import { afterAll, beforeAll, expect, it } from 'vitest';
import { onBothAdapters, TestApp, type Visitor } from '../support/harness.js';
import { Mailbox } from '../support/mailbox.js';

onBothAdapters('a session', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER: adapter, SESSION_MAX_TTL: '2h', JWT_REFRESH_TTL: '1h' });
  });
  afterAll(() => app.stop());

  const age = ({ id }: Visitor, minutes: number) =>
    app.sql(`UPDATE auth_sessions SET created_at = now() - make_interval(mins => $2) WHERE user_id = $1`, [
      id,
      minutes,
    ]);
  const minutesLeft = async ({ id }: Visitor): Promise<number> => {
    const [{ left }] = await app.sql(
      `SELECT round(extract(epoch FROM expires_at - now()) / 60)::int AS left FROM auth_sessions WHERE user_id = $1`,
      [id],
    );
    return left;
  };

  it('is extended by each refresh, but never beyond its maximum lifetime', async () => {
    const user = await app.register();
    expect(await minutesLeft(user)).toBe(60);
    await age(user, 30);
    const { body } = await app.post('/auth/refresh', { refreshToken: user.refreshToken });
    expect(await minutesLeft(user)).toBe(60);
    await age(user, 90);
    const later = await app.post('/auth/refresh', { refreshToken: body.refreshToken });
    expect(later.status).toBe(200);
    // Without the maximum lifetime it would have one hour again.
    expect(await minutesLeft(user)).toBe(30);
    await age(user, 121);
    const last = await app.post('/auth/refresh', { refreshToken: later.body.refreshToken });
    expect([last.status, last.body.code]).toEqual([401, 'AUTH_REFRESH_INVALID']);
  });

  it('makes its access tokens invalid when it expires', async () => {
    const user = await app.register();
    await app.sql(`UPDATE auth_sessions SET expires_at = now() + interval '300 milliseconds' WHERE user_id = $1`, [
      user.id,
    ]);
    let answer = await app.get('/auth/profile', { token: user.token });
    while (answer.status === 200) answer = await app.get('/auth/profile', { token: user.token });
    expect(answer.body.code).toBe('AUTH_TOKEN_REVOKED');
  });
});

onBothAdapters('the deactivation of an account', (adapter) => {
  let app: TestApp;
  let mailbox: Mailbox;
  let admin: Visitor;
  beforeAll(async () => {
    mailbox = await Mailbox.open();
    app = await TestApp.start({ HTTP_ADAPTER: adapter, ...mailbox.env });
    admin = await app.register();
    await app.sql(`UPDATE users SET roles = '{Admin}' WHERE id = $1`, [admin.id]);
  });
  afterAll(async () => {
    await app.stop();
    await mailbox.stop();
  });

  const login = ({ email }: Visitor, password: string) => app.post('/auth/login', { email, password });

  it('ends all access, keeps the data, and can be undone by an administrator', async () => {
    const user = await app.register();
    const other = await app.login(user.email, user.password);
    const aside = (currentPassword: string) =>
      app.post('/auth/deactivate-account', { currentPassword }, { token: user.token });
    expect((await aside('wrong password')).body.errors[0].code).toBe('passwordWrong');
    const done = await aside(user.password);
    expect(done.status).toBe(204);
    expect(await app.auditOf(String(done.headers['x-request-id']))).toContainEqual(
      expect.objectContaining({ action: 'auth.account_deactivated', actorId: user.id }),
    );
    for (const { token } of [user, other]) expect((await app.get('/auth/profile', { token })).status).toBe(401);
    expect((await app.post('/auth/refresh', { refreshToken: other.refreshToken })).status).toBe(401);
    expect((await login(user, user.password)).body.code).toBe('ACCOUNT_DEACTIVATED');
    expect((await login(user, 'wrong password')).body.code).toBe('AUTH_CREDENTIALS_INVALID');
    const body = { email: user.email, password: user.password, name: 'X' };
    expect((await app.post('/auth/register', body)).body.code).toBe('EMAIL_TAKEN');

    const back = await app.patch(`/admin/users/${user.id}`, { deactivated: false }, { token: admin.token });
    expect(back.body).toMatchObject({ id: user.id, deactivated: false });
    expect(await app.auditOf(String(back.headers['x-request-id']))).toContainEqual(
      expect.objectContaining({ action: 'user.reactivate', actorId: admin.id, target: `user:${user.id}` }),
    );
    await app.login(user.email, user.password);
  });

  it('can be done by an administrator, but not for their own account', async () => {
    const user = await app.register();
    const change = (id: string) => app.patch(`/admin/users/${id}`, { deactivated: true }, { token: admin.token });
    expect((await change(user.id)).body.deactivated).toBe(true);
    expect((await app.get('/auth/profile', { token: user.token })).status).toBe(401);
    expect((await change(admin.id)).status).toBe(409);
  });
});
