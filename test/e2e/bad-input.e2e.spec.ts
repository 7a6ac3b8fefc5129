import { gzipSync } from 'node:zlib';
import { Body, Controller, Get, Module, Post, Query } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsObject, IsOptional, IsString, ValidateNested } from 'class-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Public } from '../../src/guards/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import '../support/problem.js';
import { sendBytes } from '../support/socket.js';

class SearchDto {
  @IsOptional()
  @IsString()
  q?: string;
}

class CarDto {
  @IsObject()
  attributes!: object;

  @IsOptional()
  @IsString()
  name?: string;
}

class GarageDto {
  @ValidateNested()
  @Type(() => CarDto)
  cars!: CarDto[];
}

@Controller('echo')
@Public()
class EchoController {
  /** Accepts any body: a request that reaches this handler has passed only the parsers. */
  @Post()
  echo(@Body() body: unknown): { body: unknown; isPolluted: boolean } {
    return { body, isPolluted: 'polluted' in {} };
  }

  @Post('car')
  car(@Body() car: CarDto): CarDto {
    return car;
  }

  @Post('garage')
  garage(@Body() garage: GarageDto): GarageDto {
    return garage;
  }

  @Get()
  search(@Query() query: SearchDto): SearchDto {
    return query;
  }
}

@Module({ controllers: [EchoController] })
class EchoModule {}

const LOGIN = { email: 'nobody@example.com', password: 'wrong' };
const REFUSED = { status: 400, code: 'VALIDATION_FAILED' };
const TOO_LARGE = { status: 413, code: 'PAYLOAD_TOO_LARGE' };
const UNSUPPORTED = { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' };
/** The answer of the login when the body was read and parsed. */
const UNDERSTOOD = { status: 401, code: 'AUTH_CREDENTIALS_INVALID' };

onBothAdapters('bad input', (adapter) => {
  let app: TestApp;
  beforeAll(async () => (app = await TestApp.start({ HTTP_ADAPTER: adapter }, { imports: [EchoModule] })));
  afterAll(() => app.stop());

  const login = (body: unknown, headers: Record<string, string | string[]> = {}) =>
    app.post('/auth/login', body, { headers });
  const codesOf = (errors: { path: string; code: string }[]) => errors.map(({ path, code }) => `${path}: ${code}`);

  describe('JSON', () => {
    it.each([
      ['cut off', '{"email":"a@b.example"'],
      ['followed by other text', '{"email":"a@b.example"}}'],
      ['JavaScript instead of JSON', "{'email': undefined}"],
      ['preceded by a byte order mark', '\uFEFF{}'],
      ['invalid because of a control character', '{"email":"a\u0000b"}'],
    ])('is refused if it is %s', async (_what, text) => {
      expect(await login(text)).toBeProblem({ status: 400, code: 'MALFORMED_JSON' });
    });

    it.each(['null', '[]', '"text"', '5', 'true', '[{"email":"a@b.example","password":"x"}]', ''])(
      'is refused if it is not an object where an object is required: %s',
      async (text) => {
        const answer = await login(text);
        expect(answer).toBeProblem(REFUSED);
        expect(answer.body.errors).not.toEqual([]);
      },
    );

    it('is refused, not repaired, if it is not UTF-8', async () => {
      const bytes = Buffer.concat([Buffer.from('{"email":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
      expect(await login(bytes)).toBeProblem({ status: 400, code: 'INVALID_ENCODING' });
    });

    it.each([
      ['arrays', '['.repeat(100_000) + ']'.repeat(100_000)],
      ['objects', '{"a":'.repeat(50_000) + '1' + '}'.repeat(50_000)],
      ['arrays in a field', `{"email":${'['.repeat(50_000)}${']'.repeat(50_000)},"password":"x"}`],
      ['arrays that never end', '['.repeat(500_000)],
    ])('is refused if it nests %s too deeply', async (_what, text) => {
      // Without a limit, class-transformer recurses until the stack is full, and one small request causes a 500.
      expect(await login(text)).toBeProblem({ status: 400, code: 'JSON_TOO_DEEP' });
    });

    it('is not counted as deeply nested because of brackets in strings', async () => {
      expect(await login({ ...LOGIN, password: '[{\\"'.repeat(200) })).toBeProblem(UNDERSTOOD);
    });

    it('is refused with a short answer if it has too many elements', async () => {
      const fieldsOf = (length: number) => Object.fromEntries(Array.from({ length }, (_, i) => [`field${i}`, i]));
      expect(await login(fieldsOf(50_000))).toBeProblem({ status: 400, code: 'JSON_TOO_MANY_KEYS' });
      const fields = fieldsOf(5_000);
      const wide = await login({ ...LOGIN, ...fields });
      expect(wide).toBeProblem(REFUSED);
      expect(wide.body.errors).toHaveLength(50);
      expect(await login({ ...LOGIN, email: Array.from({ length: 100_000 }, () => ({})) })).toBeProblem(REFUSED);
      const long = await login({ ...LOGIN, ['x'.repeat(100_000)]: 1 });
      expect(long).toBeProblem(REFUSED);
      expect(long.bytes.length).toBeLessThan(2_000);
    });
  });

  describe('fields', () => {
    it('of the wrong type are named in the answer, each with its rules', async () => {
      const answer = await login({ email: 5, password: ['x'] });
      expect(answer).toBeProblem(REFUSED);
      expect(codesOf(answer.body.errors)).toEqual(expect.arrayContaining(['email: isEmail', 'password: isString']));
      expect(answer.body.errors[0]).toEqual({
        path: 'email',
        code: expect.stringMatching(/^\w+$/),
        message: expect.stringMatching(/^email must /),
      });
    });

    it('that are missing are named in the answer', async () => {
      const answer = await login({});
      expect(codesOf(answer.body.errors)).toEqual(expect.arrayContaining(['email: isEmail', 'password: isString']));
    });

    it('that the DTO does not declare are refused, not dropped', async () => {
      const answer = await login({ ...LOGIN, roles: ['Admin'] });
      expect(answer).toBeProblem(REFUSED);
      expect(codesOf(answer.body.errors)).toEqual(['roles: whitelistValidation']);
    });

    it('are named without the value that was sent', async () => {
      const answer = await login({ email: 'hunter2-is-no-address', password: 7 });
      expect(answer.text).not.toContain('hunter2');
    });
  });

  describe('keys that reach a prototype', () => {
    it.each([
      ['__proto__', '{"__proto__":{"polluted":true}}'],
      ['constructor.prototype', '{"constructor":{"prototype":{"polluted":true}}}'],
      ['list.1.__proto__', '{"list":[0,{"__proto__":{"polluted":true}}]}'],
      ['__proto__', '{"\\u005f_proto__":{"polluted":true}}'],
    ])('are refused in JSON: %s in %s', async (path, text) => {
      for (const target of ['/auth/login', '/v1/echo']) {
        const answer = await app.post(target, text);
        expect(answer).toBeProblem(REFUSED);
        expect(codesOf(answer.body.errors)).toEqual([`${path}: reservedName`]);
      }
      expect({}).not.toHaveProperty('polluted');
    });

    it.each(['__proto__', '%5F_proto__'])('are refused in forms and queries: %s', async (name) => {
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
      expect(await app.post('/v1/echo', `${name}=1`, { headers })).toBeProblem(REFUSED);
      expect(await app.get(`/v1/echo?${name}=1`)).toBeProblem(REFUSED);
    });

    it('are allowed in values', async () => {
      const { body } = await app.post('/v1/echo', { note: '__proto__ and constructor' });
      expect(body).toEqual({ body: { note: '__proto__ and constructor' }, isPolluted: false });
    });
  });

  describe('names that every object inherits', () => {
    const NAMES = ['constructor', 'toString', 'hasOwnProperty', 'prototype'];
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };

    it.each(NAMES)('are data in a body that no class describes: %s', async (name) => {
      const text = `{"${name}":"Ferrari","list":[{"${name}":{"a":1}}]}`;
      expect((await app.post('/v1/echo', text)).text).toBe(`{"body":${text},"isPolluted":false}`);
      expect((await app.post('/v1/echo', `${name}=1`, { headers: form })).text).toContain(`{"${name}":"1"}`);
    });

    it.each(NAMES)('are data in an open field of a class: %s', async (name) => {
      const text = `{"attributes":{"${name}":"Ferrari","list":[{"${name}":{"a":1}}]}}`;
      expect((await app.post('/v1/echo/car', text)).text).toBe(text);
    });

    // class-validator looks up names in a plain object, so it treats these inherited names as known.
    it.each(['constructor', 'toString', 'hasOwnProperty'])(
      'are refused as unknown fields of a class: %s',
      async (name) => {
        for (const answer of [
          await login(`{"${name}":1,"email":"a@b.example","password":"x"}`),
          await app.get(`/v1/echo?${name}=1`),
        ]) {
          expect(answer).toBeProblem(REFUSED);
          expect(codesOf(answer.body.errors)).toEqual([`${name}: whitelistValidation`]);
        }
      },
    );

    it('are refused where class-transformer would lose them, and never answered with 500', async () => {
      const answer = await app.post('/v1/echo/garage', '{"cars":[{"attributes":{"constructor":"Ferrari"}}]}');
      expect(answer).toBeProblem(REFUSED);
      expect(codesOf(answer.body.errors)).toEqual(['cars.0.attributes.constructor: reservedName']);
      const invalid = await app.post('/v1/echo/car', '{"attributes":{"constructor":"Ferrari"},"name":5}');
      expect(codesOf(invalid.body.errors)).toEqual(['name: isString']);
    });
  });

  describe('a body size', () => {
    const twoMegabytes = Buffer.alloc(2_000_000, 'x');
    const head = (framing: string) =>
      `POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${framing}\r\n\r\n`;
    const nextRequest = 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

    it('above the limit is refused with and without a declared length, and the client gets the answer', async () => {
      // If the server closed while the client still sends, the client would see a reset instead of the answer.
      for (let i = 0; i < 5; i++) {
        expect(await login(twoMegabytes)).toBeProblem(TOO_LARGE);
        expect(await login(twoMegabytes, { 'Transfer-Encoding': 'chunked', 'Content-Length': [] })).toBeProblem(
          TOO_LARGE,
        );
      }
    });

    it.each([
      ['a declared length', head(`Content-Length: ${twoMegabytes.length}`), ''],
      ['chunks', `${head('Transfer-Encoding: chunked')}${twoMegabytes.length.toString(16)}\r\n`, '\r\n0\r\n\r\n'],
    ])('above the limit leaves the connection usable: %s', async (_what, before, after) => {
      const { text, status } = await sendBytes(app.baseUrl, before, twoMegabytes, `${after}${nextRequest}`);
      expect(status).toBe(413);
      expect(text).toMatch(/"PAYLOAD_TOO_LARGE".*HTTP\/1\.1 200 OK/s);
    });

    it('above the limit is also refused on routes that do not exist', async () => {
      expect(await app.post('/no/such/route', twoMegabytes)).toBeProblem(TOO_LARGE);
    });

    it('equal to the limit is accepted', async () => {
      const text = JSON.stringify({ a: 'x'.repeat(1_048_576 - 8) });
      expect(Buffer.byteLength(text)).toBe(1_048_576);
      expect((await app.post('/v1/echo', text)).status).toBe(201);
      expect(await app.post('/v1/echo', `${text} `)).toBeProblem(TOO_LARGE);
    });

    it('is also limited by the number of form fields', async () => {
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
      const form = (fields: number) => Array.from({ length: fields }, (_, i) => `f${i}=1`).join('&');
      expect((await app.post('/v1/echo', form(1000), { headers })).status).toBe(201);
      expect(await app.post('/v1/echo', form(1001), { headers })).toBeProblem(TOO_LARGE);
    });
  });

  describe('a media type', () => {
    it.each([
      'application/json',
      'APPLICATION/JSON',
      'application/json; charset=utf-8',
      'application/json;charset="UTF-8"',
      'application/json ; v=1',
      'application/vnd.api+json',
      'application/a+b_c.d+json',
    ])('%s is accepted', async (type) => {
      expect(await login(JSON.stringify(LOGIN), { 'Content-Type': type })).toBeProblem(UNDERSTOOD);
    });

    it.each([
      'text/plain',
      'application/xml',
      'multipart/form-data; boundary=x',
      'application/jsonx',
      'application/+json',
      'application/json, text/plain',
      'application/json; charset=latin1',
      'application/json; charset=utf-16',
      'garbage',
      '',
    ])('"%s" is refused', async (type) => {
      const answer = await login(JSON.stringify(LOGIN), { 'Content-Type': type });
      expect(answer).toBeProblem(UNSUPPORTED);
      expect(answer.headers['accept']).toBe('application/json');
    });

    it('is required for a request with a body', async () => {
      expect(await login('{}', { 'Content-Type': [] })).toBeProblem(UNSUPPORTED);
      expect(
        await login('{}', { 'Content-Type': [], 'Content-Length': [], 'Transfer-Encoding': 'chunked' }),
      ).toBeProblem(UNSUPPORTED);
    });

    it('is ignored for a request without a body and for GET', async () => {
      expect(await app.send('POST', '/auth/login', { headers: { 'Content-Type': 'text/plain' } })).toBeProblem(REFUSED);
      const withBody = { body: '{', headers: { 'Content-Type': 'text/plain' } };
      expect((await app.send('GET', '/v1/echo?q=1', withBody)).body).toEqual({ q: '1' });
    });

    it('can be a form, which is parsed without nested objects', async () => {
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
      const { body } = await app.post('/v1/echo', 'a=1&a=2&b[c]=%C3%A4+%zz', { headers });
      expect(body.body).toEqual({ a: ['1', '2'], 'b[c]': 'ä %zz' });
      expect(await login('email=nobody%40example.com&password=x', headers)).toBeProblem(UNDERSTOOD);
    });
  });

  it.each(['gzip', 'br', 'deflate', 'made-up'])('a body with Content-Encoding %s is refused', async (coding) => {
    // A compression bomb: 1 kB that would expand to 1 MB.
    const answer = await login(gzipSync(Buffer.alloc(1_000_000, ' ')), { 'Content-Encoding': coding });
    expect(answer).toBeProblem(UNSUPPORTED);
    expect(answer.headers['accept-encoding']).toBe('identity');
  });

  it('a refused registration writes nothing', async () => {
    const email = 'half-written@example.com';
    await app.post('/auth/register', { email, password: 'correct horse', name: 'A', roles: ['Admin'] });
    await app.post('/auth/register', `{"email":"${email}","password":"correct horse","name":"A"`);
    expect(await app.sql('SELECT id FROM users WHERE email = $1', [email])).toEqual([]);
  });
});
