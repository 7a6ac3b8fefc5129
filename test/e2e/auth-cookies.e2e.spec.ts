import { randomUUID } from 'node:crypto';
import { All, Controller, Get, HttpCode, Module, Post, Req, UseGuards, VERSION_NEUTRAL } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PrincipalResolver, type AdapterRequest } from '../../src/context/index.js';
import { Public } from '../../src/guards/index.js';
import { Browser } from '../support/browser.js';
import { onBothAdapters, TestApp } from '../support/harness.js';

const ACCESS = '__Host-bulwark-access';
const REFRESH = '__Host-bulwark-refresh';
const CSRF = '__Host-bulwark-csrf';
const DEVICE = '__Host-bulwark-device';
const ATTRIBUTES = 'Path=/; HttpOnly; Secure; SameSite=Strict';

@Controller({ path: 'cookie-mode', version: VERSION_NEUTRAL })
class Routes {
  calls = 0;

  constructor(private readonly principals: PrincipalResolver) {}

  @Post('transfer')
  @HttpCode(200)
  transfer() {
    return { calls: ++this.calls };
  }

  @Post('webhook')
  @Public()
  @HttpCode(200)
  webhook(@Req() request: AdapterRequest) {
    return { user: request.user?.id ?? null };
  }

  @All('by-passport')
  @Public()
  @UseGuards(AuthGuard('bulwark-jwt'))
  @HttpCode(200)
  byPassport(@Req() request: AdapterRequest) {
    return { user: request.user?.id ?? null };
  }

  @All('optional')
  @Public()
  @HttpCode(200)
  async optional(@Req() request: AdapterRequest) {
    return { user: (await this.principals.resolve(request))?.id ?? null };
  }

  @Get('calls')
  @Public()
  count() {
    return { calls: this.calls };
  }
}

@Module({ controllers: [Routes] })
class RoutesModule {}

/** The headers that a browser adds to a request from a page of this site. */
const fromSite = (site: string, origin: string) => ({ 'Sec-Fetch-Site': site, Origin: origin });
const EVIL = 'https://evil.example';

onBothAdapters('an application with cookies', (adapter) => {
  let app: TestApp;
  const imports = [RoutesModule];
  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER: adapter, AUTH_COOKIES: 'strict' }, { imports });
  });
  afterAll(() => app.stop());

  const account = () => ({ email: `${randomUUID()}@example.com`, password: 'correct horse battery', name: 'Some One' });
  const signedIn = async (browser = new Browser(app)) => {
    const person = account();
    const answer = await browser.post('/auth/register', person);
    expect(answer.status).toBe(201);
    return { browser, answer, ...person };
  };
  const calls = async () => (await app.get('/cookie-mode/calls')).body.calls as number;

  describe('tokens in cookies', () => {
    it('are HttpOnly, Secure and bound to this host, and are not in the response body', async () => {
      const { browser, answer } = await signedIn();
      const cookies = answer.headers['set-cookie'] ?? [];
      expect(cookies).toEqual([
        expect.stringMatching(new RegExp(`^${DEVICE}=`)),
        expect.stringMatching(
          new RegExp(`^${ACCESS}=[\\w.-]+; Path=/; Max-Age=900; HttpOnly; Secure; SameSite=Strict$`),
        ),
        expect.stringMatching(
          new RegExp(`^${REFRESH}=[\\w.-]+; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Strict$`),
        ),
        expect.stringMatching(new RegExp(`^${CSRF}=[\\w.-]+; ${ATTRIBUTES}$`)),
      ]);
      expect(answer.body).toEqual({
        expiresIn: 900,
        user: expect.objectContaining({ roles: ['User'] }),
        csrfToken: browser.cookie(CSRF),
      });
      expect(answer.text).not.toContain(browser.cookie(REFRESH));
      expect(answer.headers['cache-control']).toBe('no-store');
      expect((await browser.get('/auth/profile')).body.email).toBe(answer.body.user.email);
    });

    it('are renewed by a refresh without a body, and the CSRF token stays the same', async () => {
      const { browser } = await signedIn();
      const before = [ACCESS, REFRESH, CSRF].map((name) => browser.cookie(name));
      const answer = await browser.post('/auth/refresh');
      expect(answer.status).toBe(200);
      expect(Object.keys(answer.body).sort()).toEqual(['csrfToken', 'expiresIn', 'user']);
      const after = [ACCESS, REFRESH, CSRF].map((name) => browser.cookie(name));
      expect(after.map((value, i) => value === before[i])).toEqual([false, false, true]);
      expect((await browser.get('/auth/profile')).status).toBe(200);
    });

    it('are removed at logout, and the session ends', async () => {
      const { browser } = await signedIn();
      const access = browser.cookie(ACCESS) ?? '';
      const answer = await browser.post('/auth/logout');
      expect(answer.status).toBe(204);
      for (const cookie of answer.headers['set-cookie'] ?? []) expect(cookie).toContain('Max-Age=0');
      expect(browser.names()).toEqual([DEVICE]);
      expect((await app.get('/auth/profile', { token: access })).body.code).toBe('AUTH_TOKEN_REVOKED');
    });

    it.each(['/auth/logout-all', '/auth/deactivate-account', '/auth/delete-account'])(
      'are removed when all sessions end by %s',
      async (path) => {
        const { browser, password } = await signedIn();
        const answer = await browser.post(
          path,
          path === '/auth/logout-all' ? undefined : { currentPassword: password },
        );
        expect(answer.status).toBe(204);
        expect(browser.names()).toEqual([DEVICE]);
      },
    );

    it('stay when the account could not be deleted', async () => {
      const { browser } = await signedIn();
      const before = browser.names();
      expect((await browser.post('/auth/delete-account', { currentPassword: 'wrong password' })).status).toBe(400);
      expect(browser.names()).toEqual(before);
    });

    it('are removed when the refresh token is no longer valid', async () => {
      const { browser } = await signedIn();
      await app.sql('UPDATE auth_sessions SET revoked_at = now()');
      expect((await browser.post('/auth/refresh')).body.code).toBe('AUTH_REFRESH_INVALID');
      expect(browser.names()).toEqual([DEVICE]);
    });

    it('are replaced at login, and the earlier session ends', async () => {
      const { browser, email, password } = await signedIn();
      const former = browser.cookie(ACCESS) ?? '';
      expect((await browser.post('/auth/login', { email, password })).status).toBe(200);
      expect(browser.cookie(ACCESS)).not.toBe(former);
      expect((await app.get('/auth/profile', { token: former })).body.code).toBe('AUTH_TOKEN_REVOKED');
      expect((await browser.get('/auth/profile')).status).toBe(200);
    });

    it('are ignored when a request sends a cookie twice or under a similar name', async () => {
      const { browser } = await signedIn();
      const value = browser.cookie(ACCESS) ?? '';
      for (const cookie of [`${ACCESS}=a; ${ACCESS}=${value}`, `\u00a0${ACCESS}=${value}`, `x${ACCESS}=${value}`]) {
        expect((await app.get('/auth/profile', { headers: { Cookie: cookie } })).body.code).toBe('AUTH_TOKEN_MISSING');
      }
      expect((await app.get('/auth/profile', { headers: { Cookie: `${ACCESS}=${value}` } })).status).toBe(200);
    });
  });

  describe('bearer tokens', () => {
    it('are sent in the body, and not in cookies, to clients that ask for them', async () => {
      const asked = { headers: { 'Token-Delivery': 'body' } };
      const answer = await app.post('/auth/register', account(), asked);
      expect(answer.status).toBe(201);
      expect(answer.headers['set-cookie']).toEqual([expect.stringMatching(new RegExp(`^${DEVICE}=`))]);
      const { accessToken, refreshToken } = answer.body;
      expect((await app.post('/cookie-mode/transfer', {}, { token: accessToken })).status).toBe(200);
      const next = await app.post('/auth/refresh', { refreshToken });
      expect(next.body).toMatchObject({ accessToken: expect.any(String), tokenType: 'Bearer' });
      expect(next.headers['set-cookie']).toBeUndefined();
      expect((await app.post('/auth/logout', { refreshToken: next.body.refreshToken })).status).toBe(204);
    });

    it('are not sent in the body for a refresh token from a cookie', async () => {
      const { browser } = await signedIn();
      const stolen = await browser.post('/auth/refresh', {}, { headers: { 'Token-Delivery': 'body' } });
      expect(stolen.status).toBe(400);
      expect(stolen.text).not.toContain('accessToken');
    });

    it.each(['Bearer nonsense', 'Bearer', 'Basic dXNlcjpwYXNz', ''])(
      'are not replaced by a cookie when the Authorization header is %j',
      async (authorization) => {
        const { browser } = await signedIn();
        const answer = await browser.get('/auth/profile', { headers: { Authorization: authorization } });
        expect(answer.status).toBe(401);
      },
    );
  });

  describe('the protection against requests from other sites', () => {
    it.each([
      ['another site', fromSite('cross-site', EVIL)],
      ['a sibling domain', fromSite('same-site', 'https://blog.example.com')],
      ['a page without an origin', fromSite('cross-site', 'null')],
      ['an old browser', { Origin: EVIL }],
      ['an old browser’s page without an origin', { Origin: 'null' }],
      ['a name that begins like ours', { Origin: 'http://127.0.0.1.evil.example' }],
    ])('refuses a request from %s, even with a valid CSRF token', async (_who, headers) => {
      const { browser } = await signedIn();
      const before = await calls();
      const answer = await browser.post('/cookie-mode/transfer', {}, { headers });
      expect([answer.status, answer.body.code]).toEqual([403, 'CSRF_CROSS_SITE']);
      expect(await calls()).toBe(before);
      expect(await app.auditOf(answer.body.requestId)).toEqual([
        expect.objectContaining({
          action: 'security.violation',
          outcome: 'denied',
          metadata: expect.objectContaining({ rule: 'csrf', code: 'CSRF_CROSS_SITE' }),
        }),
      ]);
    });

    it('accepts requests from its own pages', async () => {
      const { browser } = await signedIn();
      const pages: Record<string, string>[] = [fromSite('same-origin', app.baseUrl), { Origin: app.baseUrl }, {}];
      for (const headers of pages) {
        expect((await browser.post('/cookie-mode/transfer', {}, { headers })).status).toBe(200);
      }
    });

    it.each<[string, (own: string, foreign: string) => string | undefined]>([
      ['no token', () => undefined],
      ['a token of another session', (_own, foreign) => foreign],
      ['a token that was changed', (own) => `${own.slice(0, -1)}${own.endsWith('A') ? 'B' : 'A'}`],
      ['half a token', (own) => own.split('.')[0]],
      ['an empty token', () => ''],
    ])('refuses a request with %s', async (_what, tokenOf) => {
      const [mine, other] = [(await signedIn()).browser, (await signedIn()).browser];
      const token = tokenOf(mine.csrfToken ?? '', other.csrfToken ?? '');
      const before = await calls();
      const answer = await mine.post('/cookie-mode/transfer', {}, { headers: { 'X-CSRF-Token': token ?? [] } });
      expect([answer.status, answer.body.code]).toEqual([403, 'CSRF_TOKEN_INVALID']);
      expect(await calls()).toBe(before);
    });

    it('refuses a CSRF cookie and header that both come from the attacker', async () => {
      // The token is bound to the session because of planted cookies: a plain double submit would accept this.
      const [mine, other] = [(await signedIn()).browser, (await signedIn()).browser];
      mine.set(CSRF, other.cookie(CSRF) ?? '');
      const answer = await mine.post(
        '/cookie-mode/transfer',
        {},
        { headers: { 'X-CSRF-Token': other.csrfToken ?? '' } },
      );
      expect(answer.body.code).toBe('CSRF_TOKEN_INVALID');
    });

    it.each([
      '//cookie-mode/transfer',
      '/cookie-mode//transfer',
      '/cookie-mode/transfer/',
      '/COOKIE-MODE/Transfer',
      '/cookie-mode/%74ransfer',
      '/cookie-mode%2ftransfer',
      '/cookie-mode/./transfer',
      '/x/../cookie-mode/transfer',
      '/cookie-mode/transfer;a=b',
      '/cookie-mode/transfer?_method=GET',
      '/cookie-mode/transfer#x',
    ])('refuses a cross-site request on the path %s', async (path) => {
      const { browser } = await signedIn();
      const before = await calls();
      const answer = await browser.post(
        path,
        {},
        {
          headers: { ...fromSite('cross-site', EVIL), 'X-HTTP-Method-Override': 'GET' },
        },
      );
      expect([403, 404]).toContain(answer.status);
      expect(await calls()).toBe(before);
    });

    it('refuses a cross-site login, which would sign the user in to the account of the attacker', async () => {
      const attacker = account();
      await new Browser(app).post('/auth/register', attacker);
      const { name: _, ...credentials } = attacker;
      const victim = new Browser(app);
      const forged = await victim.post('/auth/login', credentials, { headers: fromSite('cross-site', EVIL) });
      expect(forged.body.code).toBe('CSRF_CROSS_SITE');
      const tokenless = await victim.send('POST', '/auth/login', { body: credentials });
      expect(tokenless.body.code).toBe('CSRF_TOKEN_INVALID');
      expect(victim.names()).not.toContain(ACCESS);
    });

    it('sets no cookies at a refresh with the refresh token of the attacker', async () => {
      const attacker = await app.post('/auth/register', account(), { headers: { 'Token-Delivery': 'body' } });
      const { refreshToken } = attacker.body;
      const answer = await new Browser(app).send('POST', '/auth/refresh', { body: { refreshToken } });
      expect(answer.headers['set-cookie']).toBeUndefined();
    });

    it.each(['/auth/refresh', '/auth/logout', '/auth/logout-all'])('refuses a forged request to %s', async (path) => {
      const { browser } = await signedIn();
      const forged = await browser.post(path, {}, { headers: fromSite('cross-site', EVIL) });
      expect(forged.body.code).toBe('CSRF_CROSS_SITE');
      expect((await browser.get('/auth/profile')).status).toBe(200);
    });
  });

  describe('a public route', () => {
    const idOf = async (browser: Browser) => (await browser.get('/auth/profile')).body.id as string;
    const resolvers = ['/cookie-mode/by-passport', '/cookie-mode/optional'];

    it.each(resolvers)('%s identifies the user in requests from its own pages', async (path) => {
      const { browser } = await signedIn();
      const user = await idOf(browser);
      expect((await browser.post(path, {}, { headers: fromSite('same-origin', app.baseUrl) })).body).toEqual({ user });
      expect((await browser.get(path)).body).toEqual({ user });
      const token = browser.cookie(ACCESS) ?? '';
      expect((await app.post(path, {}, { token, headers: fromSite('cross-site', EVIL) })).body).toEqual({ user });
    });

    it.each(resolvers)('%s does not identify the user in a request from another site', async (path) => {
      const { browser } = await signedIn();
      const forged = await browser.post(path, {}, { headers: fromSite('cross-site', EVIL) });
      expect(forged.body.user ?? null).toBeNull();
      const oldBrowser = await browser.post(path, {}, { headers: { Origin: EVIL } });
      expect(oldBrowser.body.user ?? null).toBeNull();
      expect(path.endsWith('optional') ? 200 : 401).toBe(forged.status);
    });

    it.each(resolvers)('%s identifies no user without a CSRF token or with that of another session', async (path) => {
      const [mine, other] = [(await signedIn()).browser, (await signedIn()).browser];
      expect((await mine.send('POST', path, { body: {} })).body.user ?? null).toBeNull();
      mine.set(CSRF, other.cookie(CSRF) ?? '');
      const headers = { 'X-CSRF-Token': other.csrfToken ?? '' };
      expect((await mine.post(path, {}, { headers })).body.user ?? null).toBeNull();
    });

    it('does not identify the user in a WebSocket handshake from another site', async () => {
      const { browser } = await signedIn();
      const handshake = { Connection: 'Upgrade', Upgrade: 'websocket' };
      const open = (headers: Record<string, string>) =>
        browser.get('/cookie-mode/optional', { headers: { ...handshake, ...headers } });
      expect((await open({ Origin: EVIL })).body).toEqual({ user: null });
      expect((await open(fromSite('cross-site', EVIL))).body).toEqual({ user: null });
      expect((await open({ Origin: app.baseUrl })).body).toEqual({ user: await idOf(browser) });
    });

    it('keeps the session of the victim at a forged login that asks for tokens in the body', async () => {
      const attacker = account();
      await app.post('/auth/register', attacker, { headers: { 'Token-Delivery': 'body' } });
      const { browser } = await signedIn();
      const { name: _, ...credentials } = attacker;
      const headers = { ...fromSite('cross-site', EVIL), 'Token-Delivery': 'body' };
      expect((await browser.post('/auth/login', credentials, { headers })).status).toBe(200);
      expect((await browser.get('/auth/profile')).status).toBe(200);
    });
  });

  describe('the CSRF check', () => {
    it('does not apply to a request with an Authorization header, even with cookies', async () => {
      const { browser } = await signedIn();
      const token = browser.cookie(ACCESS) ?? '';
      const answer = await browser.send('POST', '/cookie-mode/transfer', {
        token,
        headers: fromSite('cross-site', EVIL),
      });
      expect(answer.status).toBe(200);
    });

    it('does not apply to a public webhook, which ignores the cookies', async () => {
      const { browser } = await signedIn();
      const answer = await browser.send('POST', '/cookie-mode/webhook', { headers: fromSite('cross-site', EVIL) });
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({ user: null });
    });
  });

  it('gives the same CSRF token to all pages of a browser, and a new one after login', async () => {
    const browser = new Browser(app);
    const first = (await browser.get('/auth/csrf')).body;
    expect(first).toEqual({ csrfToken: browser.cookie(CSRF), headerName: 'X-CSRF-Token' });
    expect((await browser.get('/auth/csrf')).body).toEqual(first);
    const { answer } = await signedIn(browser);
    expect(answer.body.csrfToken).not.toBe(first.csrfToken);
    expect((await browser.get('/v1/auth/csrf')).body.csrfToken).toBe(answer.body.csrfToken);
  });
});

describe('an application without the CSRF protection', () => {
  it('accepts cross-site requests that carry only cookies, so that the tests above can fail', async () => {
    const app = await TestApp.start({ AUTH_COOKIES: 'lax' }, { imports: [RoutesModule] });
    try {
      const { CsrfGuard } = await import('../../src/auth/cookies/csrf.guard.js');
      const browser = new Browser(app);
      await browser.post('/auth/register', {
        email: `${randomUUID()}@example.com`,
        password: 'correct horse',
        name: 'X',
      });
      const attack = () => browser.send('POST', '/cookie-mode/transfer', { headers: fromSite('cross-site', EVIL) });
      expect((await attack()).status).toBe(403);
      vi.spyOn(CsrfGuard.prototype, 'canActivate').mockReturnValue(true);
      expect((await attack()).status).toBe(200);
      const { CsrfCheck } = await import('../../src/auth/cookies/csrf-check.js');
      const headers = fromSite('cross-site', EVIL);
      const onPublicRoute = () => browser.send('POST', '/cookie-mode/optional', { headers });
      expect((await onPublicRoute()).body).toEqual({ user: null });
      app.app.get(CsrfCheck, { strict: false }).findFault = () => undefined;
      expect((await onPublicRoute()).body.user).toEqual(expect.any(String));
    } finally {
      vi.restoreAllMocks();
      await app.stop();
    }
  });
});

describe('pages of a trusted origin', () => {
  it('can change data with a CSRF token', async () => {
    const origin = 'https://app.example.com';
    const app = await TestApp.start(
      { AUTH_COOKIES: 'lax', CORS_ORIGINS: origin, CORS_CREDENTIALS: 'true' },
      { imports: [RoutesModule] },
    );
    try {
      const browser = new Browser(app);
      const headers = fromSite('same-site', origin);
      const person = { email: `${randomUUID()}@example.com`, password: 'correct horse battery', name: 'X' };
      const answer = await browser.post('/auth/register', person, { headers });
      expect(answer.status).toBe(201);
      expect(answer.headers['set-cookie']?.[1]).toContain('SameSite=Lax');
      expect((await browser.post('/cookie-mode/transfer', {}, { headers })).status).toBe(200);
      const other = fromSite('same-site', 'https://blog.example.com');
      expect((await browser.post('/cookie-mode/transfer', {}, { headers: other })).status).toBe(403);
    } finally {
      await app.stop();
    }
  });
});

describe('an application without cookies', () => {
  it('reads no cookies, sets no cookies and gives no CSRF token', async () => {
    const app = await TestApp.start();
    try {
      const { token } = await app.register();
      const headers = { Cookie: `${ACCESS}=${token}` };
      expect((await app.get('/auth/profile', { headers })).body.code).toBe('AUTH_TOKEN_MISSING');
      expect((await app.get('/auth/csrf')).status).toBe(404);
      expect((await app.post('/auth/refresh', {})).body.code).toBe('VALIDATION_FAILED');
    } finally {
      await app.stop();
    }
  });
});
