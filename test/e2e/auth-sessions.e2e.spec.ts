import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { DataSource } from 'typeorm';
import { RevocationService } from '../../src/auth/index.js';
import { EmbeddedPostgres, inTransaction, managerOf } from '../../src/database/index.js';
import { testFolder } from '../support/folder.js';
import { onBothAdapters, TestApp, type Visitor } from '../support/harness.js';
import { BY_MESSAGE, waitForSubscriptions } from '../support/revocations.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const codeOf = async (app: TestApp, token: string): Promise<string | number> => {
  const { body, status } = await app.get('/auth/profile', { token });
  return body.code ?? status;
};

onBothAdapters('sessions', (adapter) => {
  let app: TestApp;
  let admin: Visitor;
  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER: adapter });
    admin = await app.register();
    await app.sql(`UPDATE users SET roles = '{Admin,User}' WHERE id = $1`, [admin.id]);
  });
  afterAll(() => app.stop());

  it('are listed for their owner with device, address and last use, but without secrets', async () => {
    const { email, password, token, id } = await app.register();
    await app.post('/auth/login', { email, password }, { from: '127.4.5.6', headers: { 'User-Agent': 'a phone' } });
    const answer = await app.get('/auth/sessions', { token });
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body.sessions).toEqual([
      {
        id: expect.any(String),
        device: 'a phone',
        address: '127.4.5.6',
        createdAt: expect.any(String),
        lastUsedAt: expect.any(String),
        expiresAt: expect.any(String),
        current: false,
      },
      expect.objectContaining({ current: true, device: null }),
    ]);
    const [row] = await app.sql(`SELECT encode(refresh_hash, 'base64') AS hash FROM auth_sessions WHERE user_id = $1`, [
      id,
    ]);
    expect(answer.text).not.toContain(row.hash);
  });

  it('are refused from the next request after logout', async () => {
    const { token, refreshToken } = await app.register();
    expect(await codeOf(app, token)).toBe(200);
    await app.post('/auth/logout', { refreshToken });
    expect(await codeOf(app, token)).toBe('AUTH_TOKEN_REVOKED');
  });

  it('all end with one call of logout-all', async () => {
    const one = await app.register();
    const other = await app.login(one.email, one.password);
    expect(await codeOf(app, other.token)).toBe(200);
    expect((await app.post('/auth/logout-all', undefined, { token: one.token })).status).toBe(204);
    expect([await codeOf(app, one.token), await codeOf(app, other.token)]).toEqual([
      'AUTH_TOKEN_REVOKED',
      'AUTH_TOKEN_REVOKED',
    ]);
  });

  it('can be ended one by one, or all except the current one', async () => {
    const mine = await app.register();
    const [second, third] = [await app.login(mine.email, mine.password), await app.login(mine.email, mine.password)];
    const { body } = await app.get('/auth/sessions', { token: second.token });
    const { id } = body.sessions.find(({ current }: { current: boolean }) => current);
    expect((await app.delete(`/auth/sessions/${id}`, { token: mine.token })).status).toBe(204);
    expect(await codeOf(app, second.token)).toBe('AUTH_TOKEN_REVOKED');
    expect(await codeOf(app, third.token)).toBe(200);
    expect((await app.delete('/auth/sessions', { token: mine.token })).status).toBe(204);
    expect(await codeOf(app, third.token)).toBe('AUTH_TOKEN_REVOKED');
    expect(await codeOf(app, mine.token)).toBe(200);
  });

  it('of another user cannot be ended, and look the same as sessions that do not exist', async () => {
    const [victim, attacker] = [await app.register(), await app.register()];
    const [{ id }] = (await app.get('/auth/sessions', { token: victim.token })).body.sessions;
    const foreign = await app.delete(`/auth/sessions/${id}`, { token: attacker.token });
    const unknown = await app.delete('/auth/sessions/00000000-0000-7000-8000-000000000000', { token: attacker.token });
    expect([foreign.status, unknown.status]).toEqual([404, 404]);
    expect(foreign.body.detail).toBe(unknown.body.detail);
    expect(await codeOf(app, victim.token)).toBe(200);
  });

  it('are new at each login: a client cannot choose or keep a session', async () => {
    const { email, password, token } = await app.register();
    const [before] = (await app.get('/auth/sessions', { token })).body.sessions;
    const again = await app.post('/auth/login', { email, password }, { token });
    const { body } = await app.get('/auth/sessions', { token: again.body.accessToken });
    expect(body.sessions.find(({ current }: { current: boolean }) => current).id).not.toBe(before.id);
  });

  it('apply a changed role and a lock from the next request', async () => {
    const user = await app.register();
    const adminOnly = () => app.get('/production-test/roles/admin-only', { token: user.token });
    const change = (body: object) => app.patch(`/admin/users/${user.id}`, body, { token: admin.token });
    expect((await adminOnly()).status).toBe(403);
    expect((await change({ roles: ['Admin'] })).body.roles).toEqual(['Admin']);
    expect((await adminOnly()).status).toBe(200);
    await change({ roles: ['User'] });
    expect((await adminOnly()).status).toBe(403);
    expect((await change({ locked: true })).body.locked).toBe(true);
    expect(await codeOf(app, user.token)).toBe('AUTH_TOKEN_REVOKED');
    expect((await app.post('/auth/refresh', { refreshToken: user.refreshToken })).status).toBe(401);
    const right = await app.post('/auth/login', { email: user.email, password: user.password });
    const wrong = await app.post('/auth/login', { email: user.email, password: 'wrong password' });
    expect([right.body.code, wrong.body.code]).toEqual(['ACCOUNT_LOCKED', 'AUTH_CREDENTIALS_INVALID']);
    await change({ locked: false });
    await app.login(user.email, user.password);
  });

  it('end when an administrator ends them', async () => {
    const user = await app.register();
    expect(await codeOf(app, user.token)).toBe(200);
    expect((await app.delete(`/admin/users/${user.id}/sessions`, { token: admin.token })).status).toBe(204);
    expect(await codeOf(app, user.token)).toBe('AUTH_TOKEN_REVOKED');
  });
});

describe.each([
  ['PostgreSQL', () => ({})],
  ['Redis', () => ({ REDIS_URL: inject('redisUrl') })],
])('two replicas that share revocations over %s', (_transport, env) => {
  let one: TestApp;
  let other: TestApp;
  let admin: Visitor;
  beforeAll(async () => {
    [one, other] = await Promise.all([TestApp.start(env()), TestApp.start(env())]);
    admin = await one.register();
    await one.sql(`UPDATE users SET roles = '{Admin}' WHERE id = $1`, [admin.id]);
    await waitForSubscriptions(other);
  });
  afterAll(() => Promise.all([one.stop(), other.stop()]));

  it.each<[string, (user: Visitor) => Promise<unknown>]>([
    ['logout', ({ refreshToken }) => one.post('/auth/logout', { refreshToken })],
    ['logout-all', ({ token }) => one.post('/auth/logout-all', undefined, { token })],
    ['a lock', ({ id }) => one.patch(`/admin/users/${id}`, { locked: true }, { token: admin.token })],
    [
      'a reused refresh token',
      async ({ refreshToken }) => {
        await one.post('/auth/refresh', { refreshToken });
        await one.post('/auth/refresh', { refreshToken }, { headers: { 'User-Agent': 'thief' } });
      },
    ],
    [
      'a deleted account',
      ({ token, password }) => one.post('/auth/delete-account', { currentPassword: password }, { token }),
    ],
  ])('both end a session after %s, when the message arrives', async (_what, end) => {
    const user = await one.register();
    expect(await codeOf(other, user.token)).toBe(200);
    await end(user);
    expect(await codeOf(one, user.token)).toBe('AUTH_TOKEN_REVOKED');
    const isOver = async () => (await codeOf(other, user.token)) === 'AUTH_TOKEN_REVOKED';
    await until('the session has ended on the other replica', isOver, BY_MESSAGE);
  });

  it('both apply a changed role', async () => {
    const user = await one.register();
    const adminOnly = async () => (await other.get('/production-test/roles/admin-only', { token: user.token })).status;
    expect(await adminOnly()).toBe(403);
    await one.patch(`/admin/users/${user.id}`, { roles: ['Admin'] }, { token: admin.token });
    await until('the role applies on the other replica', async () => (await adminOnly()) === 200, BY_MESSAGE);
  });
});

describe('the connection that subscribes to revocations', () => {
  it('is opened again when it breaks, and no earlier state is used', async () => {
    const [one, other] = await Promise.all([TestApp.start(), TestApp.start()]);
    try {
      const user = await one.register();
      await waitForSubscriptions(other);
      expect(await codeOf(other, user.token)).toBe(200);
      const subscriptions = `SELECT pid FROM pg_stat_activity WHERE datname = current_database()
        AND application_name LIKE '% revocations'`;
      const bothAreSubscribed = async () => (await one.sql(subscriptions)).length === 2;
      // The server closes the connections of earlier applications a moment after they have ended.
      await until('only these two are subscribed', bothAreSubscribed);
      await one.sql(`SELECT pg_terminate_backend(pid) FROM (${subscriptions}) AS listeners`);
      await one.post('/auth/logout', { refreshToken: user.refreshToken });
      const isOver = async () => (await codeOf(other, user.token)) === 'AUTH_TOKEN_REVOKED';
      await until('the session has ended on the other replica', isOver, BY_MESSAGE);
      await until('both are subscribed again', bothAreSubscribed);
    } finally {
      await Promise.all([one.stop(), other.stop()]);
    }
  });
});

describe.each([
  ['whose connections are refused', (proxy: TcpProxy) => proxy.close()],
  [
    'whose connections carry no more data',
    async (proxy: TcpProxy) => {
      proxy.refuse();
      proxy.block();
    },
  ],
])('a single replica that is cut off from Redis, %s', (_how, cut) => {
  /** The goal is two seconds; the rest is for a busy machine. Without the second path it would take 30 seconds. */
  const SOON = { withinMs: 12_000 };

  it.each<[string, (one: TestApp, user: Visitor, admin: Visitor) => Promise<unknown>]>([
    ['logout', (one, { refreshToken }) => one.post('/auth/logout', { refreshToken })],
    ['lock', (one, { id }, admin) => one.patch(`/admin/users/${id}`, { locked: true }, { token: admin.token })],
  ])('sends a %s to the others over PostgreSQL', async (_what, end) => {
    const proxy = await TcpProxy.to(inject('redisUrl'));
    await proxy.open();
    const one = await TestApp.start({ REDIS_URL: proxy.url });
    const other = await TestApp.start({ REDIS_URL: inject('redisUrl') });
    try {
      const [user, admin] = [await one.register(), await one.register()];
      await one.sql(`UPDATE users SET roles = '{Admin}' WHERE id = $1`, [admin.id]);
      await Promise.all([waitForSubscriptions(one), waitForSubscriptions(other)]);
      await cut(proxy);
      expect(await codeOf(other, user.token)).toBe(200);
      expect([200, 204]).toContain(((await end(one, user, admin)) as { status: number }).status);
      expect(await codeOf(one, user.token)).toBe('AUTH_TOKEN_REVOKED');
      const isOver = async () => (await codeOf(other, user.token)) === 'AUTH_TOKEN_REVOKED';
      await until('the session has ended on the other replica', isOver, SOON);
    } finally {
      await Promise.all([one.stop(), other.stop()]);
      await proxy.close();
    }
  });

  it('does not use its cached state when another replica ends a session', async () => {
    const proxy = await TcpProxy.to(inject('redisUrl'));
    await proxy.open();
    const one = await TestApp.start({ REDIS_URL: inject('redisUrl') });
    const other = await TestApp.start({ REDIS_URL: proxy.url });
    try {
      const user = await one.register();
      await waitForSubscriptions(other);
      await cut(proxy);
      expect(await codeOf(other, user.token)).toBe(200);
      await one.post('/auth/logout', { refreshToken: user.refreshToken });
      const isOver = async () => (await codeOf(other, user.token)) === 'AUTH_TOKEN_REVOKED';
      await until('the session has ended on the other replica', isOver, SOON);
    } finally {
      await Promise.all([one.stop(), other.stop()]);
      await proxy.close();
    }
  });
});

describe('a replica whose subscription to PostgreSQL breaks', () => {
  it('receives revocations over Redis, and clears its cached states when it is subscribed again', async () => {
    const env = { REDIS_URL: inject('redisUrl') };
    const [one, other] = await Promise.all([TestApp.start(env), TestApp.start(env)]);
    try {
      const [first, second] = [await one.register(), await one.register()];
      await Promise.all([waitForSubscriptions(one), waitForSubscriptions(other)]);
      for (const { token } of [first, second]) expect(await codeOf(other, token)).toBe(200);
      const listeners = `FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '% revocations'`;
      await one.sql(`SELECT pg_terminate_backend(pid) ${listeners}`);
      await one.post('/auth/logout', { refreshToken: first.refreshToken });
      // Not published, as if the message had been lost while no replica was subscribed.
      await one.sql('UPDATE auth_sessions SET revoked_at = now() WHERE user_id = $1', [second.id]);
      for (const { token } of [first, second]) {
        const isOver = async () => (await codeOf(other, token)) === 'AUTH_TOKEN_REVOKED';
        await until('the session has ended on the other replica', isOver, { withinMs: 20_000 });
      }
    } finally {
      await Promise.all([one.stop(), other.stop()]);
    }
  });
});

describe('a state that callers share', () => {
  it('is loaded outside of the transaction of the first caller', async () => {
    const app = await TestApp.start();
    try {
      const source = app.app.get(DataSource);
      const revocations = app.app.get(RevocationService, { strict: false });
      const states = revocations.createStateCache('letters', 10, async () => {
        const isInside = managerOf(source) !== source.manager;
        return { userId: 'nobody', expiresAtMs: Infinity, isInside };
      });
      const asked = await inTransaction(source, async () => {
        expect(managerOf(source)).not.toBe(source.manager);
        return states.get('a');
      });
      expect(asked).toMatchObject({ isInside: false });
    } finally {
      await app.stop();
    }
  });
});

describe('sessions that are not checked', () => {
  it('leave a token valid until it expires', async () => {
    const app = await TestApp.start({ AUTH_SESSION_CHECK: 'off' });
    try {
      const { token, refreshToken } = await app.register();
      await app.post('/auth/logout', { refreshToken });
      expect(await codeOf(app, token)).toBe(200);
    } finally {
      await app.stop();
    }
  });
});

describe('while the database is not reachable', () => {
  it('a session whose state is not cached is refused with 503, neither accepted nor answered with 500', async () => {
    const folder = await testFolder();
    const database = await EmbeddedPostgres.start({ dataDir: folder.path, settings: { fsync: 'off' } });
    const app = await TestApp.start({ DATABASE_URL: database.url });
    try {
      const { token } = await app.register();
      await database.stop();
      const answer = await app.get('/production-test/protected', { token });
      expect(answer.status).toBe(503);
      expect(answer.body.code).toBe('SERVICE_UNAVAILABLE');
      expect(answer.headers['retry-after']).toBe('1');
      expect(answer.text).not.toMatch(/ECONNREFUSED|terminat|postgres/i);
    } finally {
      await app.stop();
      await folder.stop();
    }
  });
});
