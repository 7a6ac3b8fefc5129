import { once } from 'node:events';
import { connect } from 'node:net';
import { Body, Controller, Get, Module, Param, Post, Query } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Public } from '../../src/guards/index.js';
import { AcceptBody, BodyLimit, RawBody, RefuseOperators } from '../../src/security/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import '../support/problem.js';
import { until } from '../support/until.js';

@Controller('input')
@Public()
class InputController {
  @Post('large')
  @BodyLimit('2mb')
  large(@Body() body: { text: string }): { length: number } {
    return { length: body.text.length };
  }

  @Post('small')
  @BodyLimit('100b')
  small(@Body() body: unknown): unknown {
    return body;
  }

  @Post('files/:name')
  @BodyLimit('2mb')
  file(@Param('name') name: string): { name: string } {
    return { name };
  }

  @Post('csv')
  @AcceptBody('text/csv')
  csv(@Body() body: string, @RawBody() bytes: Buffer): { body: string; bytes: number } {
    return { body, bytes: bytes.length };
  }

  @Post('operators')
  @RefuseOperators()
  operators(@Body() body: unknown): unknown {
    return body;
  }

  @Get('operators')
  @RefuseOperators()
  search(@Query() query: unknown): unknown {
    return query;
  }

  @Post('echo')
  echo(@Body() body: unknown): unknown {
    return body;
  }

  @Get('echo')
  query(@Query() query: unknown): unknown {
    return query;
  }
}

/** Registered first, so that its routes match before routes with parameters. */
@Controller('input/files')
@Public()
class FixedController {
  @Post('fixed')
  fixed(): { fixed: true } {
    return { fixed: true };
  }
}

@Module({ controllers: [FixedController, InputController] })
class InputModule {}

const TOO_LARGE = { status: 413, code: 'PAYLOAD_TOO_LARGE' };
const REFUSED = { status: 400, code: 'VALIDATION_FAILED' };

onBothAdapters('limits of input', (adapter) => {
  let app: TestApp;
  beforeAll(async () => (app = await TestApp.start({ HTTP_ADAPTER: adapter }, { imports: [InputModule] })));
  afterAll(() => app.stop());

  const text = (bytes: number) => JSON.stringify({ text: 'x'.repeat(bytes) });
  const chunked = { 'Transfer-Encoding': 'chunked', 'Content-Length': [] as string[] };

  describe('of a body', () => {
    it('are larger if a route sets a larger limit', async () => {
      for (const headers of [{}, chunked]) {
        const large = await app.post('/v1/input/large', text(1_900_000), { headers });
        expect(large.body).toEqual({ length: 1_900_000 });
        expect(await app.post('/v1/input/large', text(2_200_000), { headers })).toBeProblem(TOO_LARGE);
        expect(await app.post('/v1/input/echo', text(1_900_000), { headers })).toBeProblem(TOO_LARGE);
      }
    });

    it('are smaller if a route sets a smaller limit', async () => {
      for (const headers of [{}, chunked]) {
        expect((await app.post('/v1/input/small', text(10), { headers })).body).toEqual({ text: 'x'.repeat(10) });
        expect(await app.post('/v1/input/small', text(200), { headers })).toBeProblem(TOO_LARGE);
      }
    });

    it('are those of the route that answers, not of another route with a matching pattern', async () => {
      expect((await app.post('/v1/input/files/any', text(1_500_000))).status).toBe(201);
      expect((await app.post('/V1/INPUT/files/any/', text(1_500_000))).status).toBe(201);
      expect(await app.post('/v1/input/files/fixed', text(1_500_000))).toBeProblem(TOO_LARGE);
      expect(await app.post('/v1/input/files/any/more', text(1_500_000))).toBeProblem(TOO_LARGE);
    });

    it('apply before the body arrives', async () => {
      const head = (path: string, length: number) =>
        `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n{`;
      for (const [path, length] of [
        ['/v1/input/echo', 1_048_577],
        ['/v1/input/small', 101],
        ['/v1/input/large', 2_097_153],
      ] as const) {
        const { hostname, port } = new URL(app.baseUrl);
        const socket = connect(Number(port), hostname);
        socket.write(head(path, length));
        const [answer] = (await once(socket, 'data')) as [Buffer];
        expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 /);
        socket.destroy();
      }
    });
  });

  it('of media types are those of the route, and in the OpenAPI document', async () => {
    const csv = { headers: { 'Content-Type': 'text/csv' } };
    expect((await app.post('/v1/input/csv', 'ä,b', csv)).body).toEqual({ body: 'ä,b', bytes: 4 });
    const unsupported = { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' };
    expect(await app.post('/v1/input/csv', {})).toBeProblem(unsupported);
    expect(await app.post('/v1/input/echo', 'a,b', csv)).toBeProblem(unsupported);
    const { body } = await app.get('/docs/openapi.json');
    expect(Object.keys(body.paths['/v1/input/csv'].post.requestBody.content)).toEqual(['text/csv']);
  });

  describe('of a target', () => {
    it('are its length, its number of parameters, and the repetitions of one parameter', async () => {
      const get = (query: string) => app.get(`/v1/input/echo?${query}`);
      expect((await get(`a=${'x'.repeat(8_000)}`)).status).toBe(200);
      expect(await get(`a=${'x'.repeat(8_200)}`)).toBeProblem({ status: 414, code: 'URI_TOO_LONG' });
      const names = (length: number) => Array.from({ length }, (_, i) => `p${i}=1`).join('&');
      expect((await get(names(100))).status).toBe(200);
      expect(await get(names(101))).toBeProblem(REFUSED);
      expect((await get('a=1&'.repeat(19) + 'a=1')).body.a).toHaveLength(20);
      expect(await get('a=1&'.repeat(20) + 'a=1')).toBeProblem(REFUSED);
      // With another encoding, it is the same name.
      expect(await get('a=1&'.repeat(10) + '%61=1&'.repeat(10) + 'a=1')).toBeProblem(REFUSED);
    });

    it('parse a query as flat: brackets do not create objects or arrays', async () => {
      const { body } = await app.get('/v1/input/echo?a[b]=1&a[]=2&a.c=3&c=4&c=5');
      expect(body).toEqual({ 'a[b]': '1', 'a[]': '2', 'a.c': '3', c: ['4', '5'] });
    });
  });

  it('of headers apply to their number', async () => {
    const many = (length: number) => Object.fromEntries(Array.from({ length }, (_, i) => [`X-${i}`, '1']));
    expect((await app.get('/livez', { headers: many(90) })).status).toBe(200);
    expect(await app.get('/livez', { headers: many(101) })).toBeProblem({ status: 431, code: 'HEADERS_TOO_LARGE' });
  });

  it.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])(
    'cannot be bypassed with %s',
    async (header) => {
      const answer = await app.post('/v1/input/echo', { a: 1 }, { headers: { [header]: 'GET' } });
      expect({ status: answer.status, body: answer.body }).toEqual({ status: 201, body: { a: 1 } });
      const query = await app.get('/v1/input/echo?_method=POST&a=1', { headers: { [header]: 'POST' } });
      expect(query.body).toEqual({ _method: 'POST', a: '1' });
    },
  );

  describe('of control characters', () => {
    it.each(['\\u0000', '\\u0007', '\\b', '\\u001b[2J', '\\u007F', '\u007f'])(
      'refuse %j in JSON',
      async (character) => {
        // PostgreSQL answers NUL with an error, which would be a 500.
        const answer = await app.post('/v1/input/echo', `{"list":[{"name":"a${character}b"}]}`);
        expect(answer).toBeProblem(REFUSED);
        expect(answer.body.errors).toEqual([
          expect.objectContaining({ path: 'list.0.name', code: 'controlCharacter' }),
        ]);
      },
    );

    it('refuse them in names, forms, queries and paths', async () => {
      expect(await app.post('/v1/input/echo', '{"a\\u0000b":1}')).toBeProblem(REFUSED);
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
      expect(await app.post('/v1/input/echo', 'a=%00', { headers })).toBeProblem(REFUSED);
      const malformed = { status: 400, code: 'MALFORMED_URL' };
      expect(await app.get('/v1/input/echo?a=%00')).toBeProblem(malformed);
      expect(await app.get('/v1/input/echo?%1b=1')).toBeProblem(malformed);
      expect(await app.get('/v1/input/files/a%00b')).toBeProblem(malformed);
      expect(await app.get('/v1/input/files/a%0d%0ab')).toBeProblem(malformed);
    });

    it('allow normal text with tabs and line breaks', async () => {
      const body = { text: 'tab\tline\r\nend äöü 😀' };
      expect((await app.post('/v1/input/echo', body)).body).toEqual(body);
      expect((await app.get('/v1/input/echo?a=1%0d%0a%092')).body).toEqual({ a: '1\r\n\t2' });
    });
  });

  describe('of operators', () => {
    it.each([
      ['{"password":{"$ne":null}}', 'password.$ne'],
      ['{"a":[{"b":{"$where":"1"}}]}', 'a.0.b.$where'],
      ['{"profile.roles":"Admin"}', 'profile.roles'],
    ])('refuse %s if a route enables it', async (json, path) => {
      const answer = await app.post('/v1/input/operators', json);
      expect(answer).toBeProblem(REFUSED);
      expect(answer.body.errors).toEqual([expect.objectContaining({ path, code: 'operatorName' })]);
      expect((await app.post('/v1/input/echo', json)).body).toEqual(JSON.parse(json));
    });

    it('refuse them also in queries and forms', async () => {
      expect(await app.get('/v1/input/operators?$ne=1')).toBeProblem(REFUSED);
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
      expect(await app.post('/v1/input/operators', '%24ne=1', { headers })).toBeProblem(REFUSED);
      expect((await app.get('/v1/input/operators?price=$5.00')).status).toBe(200);
    });
  });

  it('count their refusals and create one audit event', async () => {
    await app.get('/v1/input/echo?a=%01');
    await app.auditOf('none');
    const count = async () => {
      const [{ events }] = await app.sql(
        `SELECT count(*)::int AS events FROM audit_events WHERE metadata->>'rule' = 'control_characters'`,
      );
      return events as number;
    };
    const before = await count();
    expect(before).toBeGreaterThan(0);
    for (let i = 0; i < 3; i++) await app.get('/v1/input/echo?a=%01');
    await app.auditOf('none');
    expect(await count()).toBe(before);
    expect((await app.get('/metrics')).text).toMatch(/security_refusals_total\{rule="control_characters"\} \d/);
  });

  it('do not log a failure if a client disconnects in the middle of its body', async () => {
    const { hostname, port } = new URL(app.baseUrl);
    const socket = connect(Number(port), hostname);
    const head = `POST /v1/input/echo HTTP/1.1\r\nHost: x\r\nX-Request-Id: broken-off-${adapter}\r\n`;
    socket.write(`${head}Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n{"a"`);
    // When the server asks for more, it has started to read.
    await once(socket, 'data');
    socket.resetAndDestroy();
    const lines = () => app.logs.filter(({ requestId }) => requestId === `broken-off-${adapter}`);
    await until('the access line is written', () => lines().some(({ msg }) => msg === 'request'));
    expect(lines()).toEqual([expect.objectContaining({ level: 'info', msg: 'request' })]);
    expect((await app.get('/livez')).status).toBe(200);
  });
});
