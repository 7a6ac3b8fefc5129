import { Controller, Get, Module, Param, VERSION_NEUTRAL, Version } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Public } from '../../src/guards/index.js';
import { onBothAdapters, TestApp, type Visitor } from '../support/harness.js';
import '../support/problem.js';
import { sendBytes } from '../support/socket.js';

@Controller('things')
@Public()
class ThingController {
  @Get(':id')
  thing(@Param('id') id: string): { id: string; version: number } {
    return { id, version: 1 };
  }

  @Get('only/second')
  @Version('2')
  second(): { version: number } {
    return { version: 2 };
  }

  @Get('only/neutral')
  @Version(VERSION_NEUTRAL)
  neutral(): { version: string } {
    return { version: 'neutral' };
  }
}

@Module({ controllers: [ThingController] })
class ThingModule {}

const NOT_FOUND = { status: 404, code: 'NOT_FOUND' };
const NO_TOKEN = { status: 401, code: 'AUTH_TOKEN_MISSING' };

onBothAdapters('routes', (adapter) => {
  let app: TestApp;
  let visitor: Visitor;
  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER: adapter }, { imports: [ThingModule] });
    visitor = await app.register();
  });
  afterAll(() => app.stop());

  describe('with versions', () => {
    it.each(['/auth/login', '/v1/auth/login'])('%s is the login route', async (path) => {
      const { email, password } = visitor;
      expect((await app.post(path, { email, password })).status).toBe(200);
    });

    it.each(['/production-test', '/v1/production-test'])('%s lists the self-tests', async (path) => {
      expect((await app.get(path)).body.checks).toEqual(expect.any(Array));
    });

    it('of the application have version 1 by default', async () => {
      expect((await app.get('/v1/things/7')).body).toEqual({ id: '7', version: 1 });
      expect(await app.get('/things/7')).toBeProblem(NOT_FOUND);
      expect((await app.get('/v2/things/only/second')).body).toEqual({ version: 2 });
      expect(await app.get('/v1/things/only/second')).toBeProblem(NOT_FOUND);
      expect((await app.get('/things/only/neutral')).body).toEqual({ version: 'neutral' });
    });

    it.each(['/v2/auth/profile', '/v0/auth/profile', '/v1/v1/auth/profile', '/v1/health', '/v1/livez', '/v1/metrics'])(
      '%s does not exist',
      async (path) => {
        expect(await app.get(path, { token: visitor.token })).toBeProblem(NOT_FOUND);
      },
    );
  });

  describe('with HTTP methods', () => {
    it.each(['/livez', '/health', '/v1/things/7', '/metrics', '/docs/openapi.json'])(
      'HEAD %s answers like GET, without a body',
      async (path) => {
        const [head, get] = [await app.send('HEAD', path), await app.get(path)];
        expect({ status: head.status, text: head.text }).toEqual({ status: 200, text: '' });
        expect(head.headers['content-type']).toBe(get.headers['content-type']);
      },
    );

    it('OPTIONS does not run a handler', async () => {
      expect(await app.send('OPTIONS', '/auth/profile')).toBeProblem(NOT_FOUND);
      const star = await sendBytes(app.baseUrl, 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      expect(star).toBeProblem(NOT_FOUND);
    });

    it('ignore a method override in a header or a parameter', async () => {
      const headers = { 'X-HTTP-Method-Override': 'GET' };
      expect(await app.post('/auth/profile?_method=GET', {}, { headers, token: visitor.token })).toBeProblem(NOT_FOUND);
    });
  });

  describe('with different spellings', () => {
    it('ignore letter case and a trailing slash, as Express does', async () => {
      for (const path of ['/v1/things/CaseKept', '/V1/THINGS/CaseKept', '/v1/things/CaseKept/']) {
        expect((await app.get(path)).body).toEqual({ id: 'CaseKept', version: 1 });
      }
    });

    it('decode parameters once', async () => {
      expect((await app.get('/v1/things/a%20b%2Fc%2561')).body.id).toBe('a b/c%61');
      expect((await app.get(`/v1/things/${'x'.repeat(2_000)}`)).body.id).toHaveLength(2_000);
    });

    const spellings = (path: string) => {
      const [first = '', ...rest] = path.slice(1).split('/');
      const tail = rest.join('/');
      return [
        path,
        `/v1${path}`,
        `/V1${path}`,
        path.toUpperCase(),
        `${path}/`,
        `${path}//`,
        `/${path}`,
        `//${path}`,
        `/${first}//${tail}`,
        `/./${first}/${tail}`,
        `/x/..${path}`,
        `/livez/..${path}`,
        `/livez/%2e%2e${path}`,
        `/livez%2f..${path}`,
        `/%${first.charCodeAt(0).toString(16)}${first.slice(1)}/${tail}`,
        `/${first}%2f${tail}`,
        `/${first}%2F${tail}`,
        `/${first}\\${tail}`,
        `/${first}/${tail};a=b`,
        `/${first};a=b/${tail}`,
        `/${first}/${tail}%20`,
        `/${first}/${tail}%00`,
        `/${first}/${tail}.json`,
        `${path}?token=x`,
        `${path}?/livez`,
        `/livez?/..${path}`,
        `${path}#/livez`,
      ];
    };

    it.each(['/auth/profile', '/production-test/protected', '/production-test/roles/admin-only'])(
      '%s requires a token in every spelling',
      async (path) => {
        for (const spelling of spellings(path)) {
          for (const method of ['GET', 'HEAD']) {
            const { status, body } = await app.send(method, spelling.replace('#', '%23'));
            const isHarmless = spelling.startsWith('/livez?') ? status === 200 : [400, 401, 404].includes(status);
            expect({ method, spelling, status, isHarmless }).toMatchObject({ isHarmless: true });
            expect(body ?? {}).not.toHaveProperty('user');
          }
        }
      },
    );

    it('match the same routes on both adapters', async () => {
      const statuses: Record<string, number> = {};
      for (const spelling of spellings('/auth/profile')) {
        statuses[spelling] = (await app.get(spelling.replace('#', '%23'))).status;
      }
      // Both adapters share one table, because a difference between them would surprise users.
      expect(Object.entries(statuses).filter(([, status]) => status === 401)).toEqual(
        [
          '/auth/profile',
          '/v1/auth/profile',
          '/V1/auth/profile',
          '/AUTH/PROFILE',
          '/auth/profile/',
          '/%61uth/profile',
          '/auth/profile?token=x',
          '/auth/profile?/livez',
        ].map((spelling) => [spelling, 401]),
      );
    });

    it('accept a request target in absolute form', async () => {
      const head = 'GET http://x.example/auth/profile HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\n\r\n';
      const answer = await sendBytes(app.baseUrl, head);
      expect(answer).toBeProblem(NO_TOKEN);
      expect(answer.body.instance).toBe('/auth/profile');
    });
  });
});
