import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { Controller, Get, Module, UseGuards, VERSION_NEUTRAL } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CurrentUser } from '../../src/auth/index.js';
import { Public } from '../../src/guards/index.js';
import type { Principal } from '../../src/context/index.js';
import { onBothAdapters, TestApp, type Visitor } from '../support/harness.js';
import { amountOf } from '../support/long-form.js';

const REFRESHES = amountOf('REFRESHES', { short: 200, long: 1_000 });
const SECRET = 'a secret of the test suite, long enough for HS256';

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A forged token, as an attacker would create it. */
function forge(header: object, claims: object, secret = SECRET, algorithm = 'sha256'): string {
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${createHmac(algorithm, secret).update(signed).digest('base64url')}`;
}

const now = () => Math.floor(Date.now() / 1000);

function claims(overrides: object = {}): object {
  return {
    sub: randomUUID(),
    sid: randomUUID(),
    email: 'forged@example.com',
    roles: ['Admin'],
    iss: 'nest-bulwark',
    aud: 'nest-bulwark',
    iat: now(),
    exp: now() + 600,
    ...overrides,
  };
}

const claimsOf = (token: string): { sid: string } =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

const HEADER = { alg: 'HS256', typ: 'at+jwt' };

onBothAdapters('accounts', (adapter) => {
  let app: TestApp;
  let visitor: Visitor;
  beforeAll(async () => {
    // Long enough for a thousand requests on a busy machine.
    const patience = { JWT_REFRESH_GRACE: '1m', DATABASE_CONNECT_TIMEOUT: '1m' };
    app = await TestApp.start({ HTTP_ADAPTER: adapter, ...patience });
    visitor = await app.register();
  });
  afterAll(() => app.stop());

  it('registers with 201 and returns tokens and the user, but no hash', async () => {
    const answer = await app.post('/auth/register', {
      email: `${randomUUID()}@example.com`,
      password: 'Test123!',
      name: 'Test User',
    });
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      accessToken: expect.any(String),
      refreshToken: expect.any(String),
      tokenType: 'Bearer',
      expiresIn: 900,
      user: {
        id: expect.any(String),
        email: expect.any(String),
        name: 'Test User',
        roles: ['User'],
        createdAt: expect.any(String),
      },
    });
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('stores a bcrypt hash with the configured cost', async () => {
    const rows = await app.sql('SELECT password_hash FROM users WHERE id = $1', [visitor.id]);
    expect(rows[0].password_hash).toMatch(/^\$2b\$04\$/);
  });

  it('logs in with the email in another letter case', async () => {
    const answer = await app.post('/auth/login', { email: visitor.email.toUpperCase(), password: visitor.password });
    expect(answer.status).toBe(200);
    expect(answer.body.user.id).toBe(visitor.id);
  });

  it('refuses a duplicate email, also in another letter case, and keeps one row', async () => {
    const body = { email: visitor.email.toUpperCase(), password: 'another password', name: 'Other' };
    const answer = await app.post('/auth/register', body);
    expect(answer.status).toBe(409);
    expect(answer.body.code).toBe('EMAIL_TAKEN');
    expect(await app.sql('SELECT id FROM users WHERE email = $1', [visitor.email])).toHaveLength(1);
  });

  it('accepts one of twenty registrations with the same email at the same time', async () => {
    const email = `${randomUUID()}@example.com`;
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        app.post('/auth/register', {
          email: i % 2 ? email : email.toUpperCase(),
          password: 'a good password',
          name: 'X',
        }),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19);
    expect(await app.sql('SELECT id FROM users WHERE email = $1', [email])).toHaveLength(1);
    const sessions = await app.sql(
      'SELECT s.id FROM auth_sessions s JOIN users u ON u.id = s.user_id WHERE u.email = $1',
      [email],
    );
    expect(sessions).toHaveLength(1);
  });

  it('does not accept a role from the body', async () => {
    const body = { email: `${randomUUID()}@example.com`, password: 'a good password', name: 'X', roles: ['Admin'] };
    const answer = await app.post('/auth/register', body);
    expect(answer.status).toBe(400);
    expect(answer.body.errors).toContainEqual(expect.objectContaining({ path: 'roles', code: 'whitelistValidation' }));
    expect(await app.sql('SELECT id FROM users WHERE email = $1', [body.email])).toHaveLength(0);
  });

  it.each([
    ['a NUL', 'password\u0000tail', 'controlCharacter'],
    ['more than 72 bytes', 'ä'.repeat(40), 'passwordEncoding'],
  ])('refuses a password with %s, because bcrypt would truncate it', async (_what, password, code) => {
    const email = `${randomUUID()}@example.com`;
    const answer = await app.post('/auth/register', { email, password, name: 'X' });
    expect(answer.status).toBe(400);
    expect(answer.body.errors).toContainEqual(expect.objectContaining({ path: 'password', code }));
  });

  it('refuses a lone surrogate, because it would match every other one', async () => {
    const email = `${randomUUID()}@example.com`;
    const answer = await app.post('/auth/register', `{"email":"${email}","password":"password\\ud800","name":"X"}`);
    expect(answer.status).toBe(400);
    expect(answer.body.errors).toContainEqual(expect.objectContaining({ path: 'password', code: 'loneSurrogate' }));
  });

  it('accepts the same password in another Unicode normalization form', async () => {
    const composed = await app.register(undefined, 'caf\u00e9 caf\u00e9');
    const again = await app.login(composed.email, 'cafe\u0301 cafe\u0301');
    expect(again.id).toBe(composed.id);
  });

  it('returns the same answer for a wrong password and an unknown email', async () => {
    const wrong = await app.post('/auth/login', { email: visitor.email, password: 'wrong password' });
    const unknown = await app.post('/auth/login', { email: 'nobody@example.com', password: 'wrong password' });
    for (const answer of [wrong, unknown]) {
      expect(answer.status).toBe(401);
      expect(answer.body).toEqual({ ...wrong.body, requestId: expect.any(String) });
    }
  });

  it('shows the profile to its owner, also under /v1', async () => {
    for (const path of ['/auth/profile', '/v1/auth/profile']) {
      const answer = await app.get(path, { token: visitor.token });
      expect(answer.status).toBe(200);
      expect(answer.body.email).toBe(visitor.email);
      expect(answer.headers['cache-control']).toBe('no-store');
    }
  });

  it('refuses the token of a deleted account', async () => {
    const gone = await app.register();
    await app.sql('DELETE FROM users WHERE id = $1', [gone.id]);
    expect((await app.get('/auth/profile', { token: gone.token })).body.code).toBe('AUTH_TOKEN_REVOKED');
  });

  describe('refresh', () => {
    it('returns a new pair of tokens once', async () => {
      const { refreshToken } = await app.register();
      const first = await app.post('/auth/refresh', { refreshToken });
      expect(first.status).toBe(200);
      expect(first.body.refreshToken).not.toBe(refreshToken);
      expect((await app.get('/auth/profile', { token: first.body.accessToken })).status).toBe(200);
    });

    it('ends the session and audits it when another client sends a used token', async () => {
      const { refreshToken, id } = await app.register();
      const first = await app.post('/auth/refresh', { refreshToken });
      const thief = { headers: { 'User-Agent': 'thief' } };
      const reuse = await app.post('/auth/refresh', { refreshToken }, thief);
      expect(reuse.status).toBe(401);
      expect(reuse.body.code).toBe('AUTH_REFRESH_INVALID');
      const successor = await app.post('/auth/refresh', { refreshToken: first.body.refreshToken });
      expect(successor.status).toBe(401);
      const events = await app.auditOf(reuse.body.requestId);
      expect(events).toEqual([
        expect.objectContaining({ action: 'auth.token_reuse', severity: 'CRITICAL', actorId: id }),
      ]);
    });

    it('returns the same new token to a client that did not receive the answer', async () => {
      const { refreshToken } = await app.register();
      const lost = await app.post('/auth/refresh', { refreshToken });
      const again = await app.post('/auth/refresh', { refreshToken });
      expect(again.status).toBe(200);
      expect(again.body.refreshToken).toBe(lost.body.refreshToken);
      const next = await app.post('/auth/refresh', { refreshToken: again.body.refreshToken });
      expect(next.status).toBe(200);
      expect((await app.post('/auth/refresh', { refreshToken })).body.code).toBe('AUTH_REFRESH_INVALID');
      expect((await app.get('/auth/profile', { token: next.body.accessToken })).body.code).toBe('AUTH_TOKEN_REVOKED');
    });

    it('treats a used token as stolen after the grace period', async () => {
      const { refreshToken, id } = await app.register();
      await app.post('/auth/refresh', { refreshToken });
      await app.sql(`UPDATE auth_sessions SET last_used_at = now() - interval '61 seconds' WHERE user_id = $1`, [id]);
      expect((await app.post('/auth/refresh', { refreshToken })).status).toBe(401);
    });

    it(`returns one new token to ${REFRESHES} requests at the same time`, { tags: 'long' }, async () => {
      const { refreshToken, id } = await app.register();
      const answers = await Promise.all(
        Array.from({ length: REFRESHES }, () => app.post('/auth/refresh', { refreshToken })),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      const successors = new Set(answers.map(({ body }) => body.refreshToken));
      expect(successors.size).toBe(1);
      const sessions = await app.sql('SELECT revoked_at FROM auth_sessions WHERE user_id = $1', [id]);
      expect(sessions).toEqual([{ revoked_at: null }]);
    });

    it('ends the session when a hundred clients use one token at the same time', async () => {
      const { refreshToken } = await app.register();
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          app.post('/auth/refresh', { refreshToken }, { headers: { 'User-Agent': `client ${i}` } }),
        ),
      );
      const successors = answers.filter(({ status }) => status === 200).map(({ body }) => body.refreshToken as string);
      expect(successors.length).toBeLessThanOrEqual(1);
      for (const successor of successors) {
        expect((await app.post('/auth/refresh', { refreshToken: successor })).status).toBe(401);
      }
    });

    it.each(['', 'x', `${randomUUID()}.${'a'.repeat(43)}`, "' OR 1=1 --"])('refuses %j', async (refreshToken) => {
      const answer = await app.post('/auth/refresh', { refreshToken });
      expect([400, 401]).toContain(answer.status);
    });

    it('stores only a hash', async () => {
      const { refreshToken, id } = await app.register();
      const [row] = await app.sql(
        `SELECT encode(refresh_hash, 'escape') AS hash FROM auth_sessions WHERE user_id = $1`,
        [id],
      );
      expect(row.hash).not.toContain(refreshToken.split('.')[1]);
    });

    it('refuses a token after logout', async () => {
      const { refreshToken } = await app.register();
      expect((await app.post('/auth/logout', { refreshToken })).status).toBe(204);
      expect((await app.post('/auth/refresh', { refreshToken })).status).toBe(401);
    });

    it('refuses a token that was unused for too long', async () => {
      const { refreshToken, id } = await app.register();
      await app.sql(`UPDATE auth_sessions SET expires_at = now() - interval '1 second' WHERE user_id = $1`, [id]);
      expect((await app.post('/auth/refresh', { refreshToken })).status).toBe(401);
    });
  });

  describe('a closed route', () => {
    const closed = (token?: string) => app.get('/auth/profile', { ...(token !== undefined && { token }) });

    it('would accept a forged token if the secret were known', async () => {
      // Shows that the tokens below fail because of their defect, and not because of the way they are created.
      const { sid } = claimsOf(visitor.token);
      expect((await closed(forge(HEADER, claims({ sub: visitor.id, sid })))).status).toBe(200);
    });

    it.each([
      ['of an unknown session', () => claims({ sub: visitor.id })],
      ['of the session of another user', () => claims({ sid: claimsOf(visitor.token).sid })],
      ['with a session id that is not a UUID', () => claims({ sub: visitor.id, sid: "' OR true --" })],
    ])('refuses a well-signed token %s', async (_what, forged) => {
      const answer = await closed(forge(HEADER, forged()));
      expect(answer.status).toBe(401);
      expect(answer.body.code).toBe('AUTH_TOKEN_REVOKED');
      expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
    });

    it('requires a token and sends a challenge', async () => {
      const answer = await closed();
      expect(answer.status).toBe(401);
      expect(answer.body.code).toBe('AUTH_TOKEN_MISSING');
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="api"');
    });

    it.each([
      ['a text that is not a JWT', 'nonsense', 'AUTH_TOKEN_MALFORMED'],
      ['two parts', 'a.b', 'AUTH_TOKEN_MALFORMED'],
      ['parts that are not JSON', 'a.b.c', 'AUTH_TOKEN_MALFORMED'],
      ['an expired token', forge(HEADER, claims({ exp: now() - 10 })), 'AUTH_TOKEN_EXPIRED'],
      ['another secret', forge(HEADER, claims(), 'not the secret of this test suite, also long'), 'AUTH_TOKEN_INVALID'],
      ['another issuer', forge(HEADER, claims({ iss: 'https://evil.example' })), 'AUTH_TOKEN_WRONG_ISSUER'],
      ['another audience', forge(HEADER, claims({ aud: 'another-api' })), 'AUTH_TOKEN_WRONG_AUDIENCE'],
      ['another type', forge({ alg: 'HS256', typ: 'JWT' }, claims()), 'AUTH_TOKEN_INVALID'],
      ['another algorithm', forge({ alg: 'HS512', typ: 'at+jwt' }, claims(), SECRET, 'sha512'), 'AUTH_TOKEN_INVALID'],
      ['algorithm none', `${encode({ alg: 'none', typ: 'at+jwt' })}.${encode(claims())}.`, 'AUTH_TOKEN_INVALID'],
      ['algorithm nOnE', `${encode({ alg: 'nOnE', typ: 'at+jwt' })}.${encode(claims())}.`, 'AUTH_TOKEN_INVALID'],
      ['no session', forge(HEADER, claims({ sid: undefined })), 'AUTH_TOKEN_INVALID'],
      ['a token not yet valid', forge(HEADER, claims({ nbf: now() + 600 })), 'AUTH_TOKEN_INVALID'],
    ])('refuses %s', async (_what, token, code) => {
      const answer = await closed(token);
      expect(answer.status).toBe(401);
      expect(answer.body.code).toBe(code);
      expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
    });

    it('audits forged tokens once per client, and refused tokens, but not missing tokens', async () => {
      const from = adapter === 'fastify' ? '127.8.8.1' : '127.8.8.2';
      const send = (token: string) => app.get('/auth/profile', { token, from });
      const forged = await send(forge({ alg: 'none', typ: 'at+jwt' }, claims()));
      for (let i = 0; i < 5; i++) expect((await send('nonsense')).status).toBe(401);
      expect(await app.auditOf(forged.body.requestId)).toEqual([
        expect.objectContaining({
          action: 'security.violation',
          outcome: 'denied',
          severity: 'WARNING',
          address: from,
          metadata: expect.objectContaining({ rule: 'access_token', code: 'AUTH_TOKEN_INVALID' }),
        }),
      ]);
      const all = await app.sql(
        `SELECT action FROM audit_events WHERE address = $1 AND action = 'security.violation'`,
        [from],
      );
      expect(all).toHaveLength(1);
      const expired = await send(forge(HEADER, claims({ exp: now() - 600 })));
      expect(await app.auditOf(expired.body.requestId)).toEqual([
        expect.objectContaining({
          action: 'access.denied',
          metadata: expect.objectContaining({ code: expired.body.code }),
        }),
      ]);
      const missing = await closed();
      expect(await app.auditOf(missing.body.requestId)).toEqual([]);
    });
  });

  it('audits registration, login, failed login and logout with actor, address and method', async () => {
    const from = '127.9.9.9';
    const { id, email, password } = await app.register();
    const login = await app.post('/auth/login', { email, password }, { from });
    const failed = await app.post(
      '/auth/login',
      { email, password: 'wrong' },
      { from, headers: { 'User-Agent': 'suite' } },
    );
    const [event] = await app.auditOf(failed.body.requestId);
    expect(event).toMatchObject({
      action: 'auth.failed_login',
      outcome: 'failure',
      severity: 'WARNING',
      actorId: id,
      address: from,
      userAgent: 'suite',
      route: 'POST /auth/login',
      metadata: { email },
    });
    expect(JSON.stringify(event)).not.toContain('wrong');
    const stored = await app.auditOf(String(login.headers['x-request-id']));
    expect(stored.map(({ action }) => action)).toEqual(['auth.login']);
  });
});

describe.each([
  ['ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['EdDSA', () => generateKeyPairSync('ed25519')],
])('tokens signed with %s if only JWT_PRIVATE_KEY is set', (_algorithm, newPair) => {
  it('are accepted, and the public key is not accepted as a secret', async () => {
    const { privateKey, publicKey } = newPair();
    const app = await TestApp.start({
      JWT_SECRET: '',
      JWT_PRIVATE_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    });
    try {
      const { token } = await app.register();
      expect((await app.get('/auth/profile', { token })).status).toBe(200);
      const confused = forge(HEADER, claims(), publicKey.export({ type: 'spki', format: 'pem' }).toString());
      expect((await app.get('/auth/profile', { token: confused })).body.code).toBe('AUTH_TOKEN_INVALID');
    } finally {
      await app.stop();
    }
  });
});

describe('a route with a Passport guard', () => {
  @Controller({ path: 'by-passport', version: VERSION_NEUTRAL })
  class PassportController {
    @Get()
    @Public()
    @UseGuards(AuthGuard('bulwark-jwt'))
    whoAmI(@CurrentUser() { id }: Principal) {
      return { id };
    }
  }

  @Module({ controllers: [PassportController] })
  class PassportRoutes {}

  it('accepts the same users', async () => {
    const app = await TestApp.start({}, { imports: [PassportRoutes] });
    try {
      const { token, id, refreshToken } = await app.register();
      expect((await app.get('/by-passport', { token })).body).toEqual({ id });
      await app.post('/auth/logout', { refreshToken });
      expect((await app.get('/by-passport', { token })).status).toBe(401);
      expect((await app.get('/by-passport')).status).toBe(401);
      const { token: good } = await app.register();
      const [header, claims] = good.split('.');
      for (const forged of ['nonsense', `${header}.${claims}.`, `${header}.${claims}.${'A'.repeat(43)}`]) {
        expect((await app.get('/by-passport', { token: forged })).status).toBe(401);
      }
    } finally {
      await app.stop();
    }
  });
});

describe('two applications in one process', () => {
  it('do not share keys', async () => {
    const one = await TestApp.start();
    const other = await TestApp.start({ JWT_SECRET: 'another secret, of another application, as long' });
    try {
      const { token } = await one.register();
      expect((await one.get('/auth/profile', { token })).status).toBe(200);
      expect((await other.get('/auth/profile', { token })).status).toBe(401);
    } finally {
      await one.stop();
      await other.stop();
    }
  });
});

describe('the first administrator', () => {
  it('is created once when several replicas start together, and may call admin routes', async () => {
    const env = { ADMIN_EMAIL: `Root-${randomUUID()}@Example.com`, ADMIN_PASSWORD: 'first of many passwords' };
    const apps = await Promise.all([TestApp.start(env), TestApp.start(env), TestApp.start(env)]);
    const [app] = apps;
    try {
      const rows = await app.sql('SELECT roles FROM users WHERE email = $1', [env.ADMIN_EMAIL.toLowerCase()]);
      expect(rows).toEqual([{ roles: ['Admin', 'User'] }]);
      const admin = await app.login(env.ADMIN_EMAIL, env.ADMIN_PASSWORD);
      expect((await app.get('/production-test/roles/admin-only', { token: admin.token })).status).toBe(200);
      const user = await app.register();
      const denied = await app.get('/production-test/roles/admin-only', { token: user.token });
      expect(denied.status).toBe(403);
      expect(denied.body.code).toBe('ACCESS_DENIED');
      expect(await app.auditOf(denied.body.requestId)).toEqual([
        expect.objectContaining({
          action: 'access.denied',
          actorId: user.id,
          metadata: { reason: 'role', required: ['Admin'] },
        }),
      ]);
    } finally {
      await Promise.all(apps.map((one) => one.stop()));
    }
  });
});
