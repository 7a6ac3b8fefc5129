import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { Body, Controller, Post, RawBody as NestRawBody, Req, type RawBodyRequest } from '@nestjs/common';
import type { NestApplicationOptions } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import type { AdapterRequest } from '../../src/context/index.js';
import { AcceptBody, BodyLimit, RawBody, type SecurityModuleOptions } from '../../src/security/index.js';
import type { Answer } from '../support/client.js';
import { HardenedApp } from '../support/hardened-app.js';
import { onBothAdapters } from '../support/harness.js';

type Request = RawBodyRequest<AdapterRequest>;

const toBase64 = (bytes: Buffer | undefined) => ({ base64: bytes?.toString('base64') ?? null });

@Controller('raw')
class RawController {
  @Post('asked')
  @RawBody()
  asked(@Req() request: Request, @Body() body: unknown): object {
    return { ...toBase64(request.rawBody), body };
  }

  @Post('injected')
  injected(@RawBody() bytes: Buffer): object {
    return toBase64(bytes);
  }

  @Post('nest')
  nest(@NestRawBody() bytes: Buffer): object {
    return toBase64(bytes);
  }

  @Post('other')
  other(@Req() request: Request): object {
    return toBase64(request.rawBody);
  }
}

@Controller('raw-class')
@RawBody()
class RawClassController {
  @Post()
  asked(@Req() request: Request): object {
    return toBase64(request.rawBody);
  }
}

@Controller('types')
class TypesController {
  @Post('text')
  @AcceptBody('text/plain', 'text/csv')
  text(@Body() body: string): object {
    return { type: typeof body, body };
  }

  @Post('bytes')
  @AcceptBody('application/octet-stream', 'image/*')
  bytes(@Body() body: Buffer): object {
    return { isBuffer: Buffer.isBuffer(body), ...toBase64(body) };
  }

  @Post('stream')
  @AcceptBody({ type: 'application/octet-stream', as: 'stream' })
  @BodyLimit('2mb')
  async stream(@Body() body: Readable): Promise<object> {
    const sum = createHash('sha256');
    for await (const chunk of body) sum.update(chunk as Buffer);
    return { sum: sum.digest('hex') };
  }

  @Post('unread')
  @AcceptBody({ type: 'application/octet-stream', as: 'stream' })
  unread(): object {
    return {};
  }

  @Post('form')
  @AcceptBody('application/x-www-form-urlencoded')
  form(@Body() body: unknown): unknown {
    return body;
  }

  @Post('echo')
  echo(@Body() body: unknown): object {
    return { body };
  }
}

const type = (name: string) => ({ headers: { 'Content-Type': name } });
const UNSUPPORTED = { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' };
const problemOf = ({ status, body }: Answer) => ({ status, code: body?.code });
const TOO_LARGE = { status: 413, code: 'PAYLOAD_TOO_LARGE' };
const CHUNKED = { 'Transfer-Encoding': 'chunked', 'Content-Length': [] as string[] };

onBothAdapters('bodies in an application with its own main.ts', (adapter) => {
  let app: HardenedApp;
  afterEach(() => app.stop());

  const start = async (options?: SecurityModuleOptions, nest?: NestApplicationOptions) => {
    const controllers = [RawController, RawClassController, TypesController];
    return (app = await HardenedApp.start(adapter, { controllers, options }, nest));
  };

  describe('rawBody', () => {
    const text = ' {"b": 1.0,\n "a":"\\u00e4"}';
    const base64 = Buffer.from(text).toString('base64');

    it('has the exact bytes on routes that ask for it, also by the decorator of Nest', async () => {
      await start();
      expect((await app.post('/raw/asked', text)).body).toEqual({ base64, body: { a: 'ä', b: 1 } });
      for (const path of ['/raw/injected', '/raw/nest', '/raw-class']) {
        expect((await app.post(path, text)).body).toEqual({ base64 });
      }
      expect((await app.post('/raw/other', text)).body).toEqual({ base64: null });
    });

    it('is empty, not undefined, for a request without a body', async () => {
      await start();
      for (const path of ['/raw/asked', '/raw/injected', '/raw/nest']) {
        expect((await app.post(path)).body).toEqual({ base64: '' });
      }
    });

    it.each<[string, SecurityModuleOptions, NestApplicationOptions]>([
      ['the option of the module', { rawBody: true }, { bodyParser: false }],
      ['the option of NestFactory.create()', {}, { rawBody: true }],
      ['both options of NestFactory.create()', {}, { rawBody: true, bodyParser: false }],
    ])('has the exact bytes on every route by %s', async (_what, options, nest) => {
      await start(options, nest);
      expect((await app.post('/raw/other', text)).body).toEqual({ base64 });
      const form = await app.post('/raw/other', 'a=1&b=%20', type('application/x-www-form-urlencoded'));
      expect(form.body).toEqual(toBase64(Buffer.from('a=1&b=%20')));
    });

    it('cannot be asked for where the body is never completely in memory', () => {
      const decorate = () => {
        class Contradiction {
          @RawBody()
          @AcceptBody('multipart/form-data')
          upload(): void {}
        }
        return Contradiction;
      };
      expect(decorate).toThrow('upload() asks for rawBody');
      return start();
    });
  });

  describe('of other media types', () => {
    it('are refused unless the route accepts them', async () => {
      await start();
      expect(problemOf(await app.post('/types/echo', 'a', type('text/plain')))).toEqual(UNSUPPORTED);
      expect(problemOf(await app.post('/types/text', '{}'))).toEqual(UNSUPPORTED);
      expect(problemOf(await app.post('/types/text', 'a', type('text/html')))).toEqual(UNSUPPORTED);
      const refused = await app.post('/types/text', 'a', type('text/plain; charset=latin1'));
      expect(problemOf(refused)).toEqual(UNSUPPORTED);
      expect((await app.post('/types/bytes', 'a', type('text/csv'))).headers['accept']).toBe(
        'application/octet-stream, image/*',
      );
    });

    it('arrive as text, bytes or a form', async () => {
      await start();
      const csv = 'a,b\r\n1,ä\r\n';
      expect((await app.post('/types/text', csv, type('Text/CSV; header=present'))).body).toEqual({
        type: 'string',
        body: csv,
      });
      const bytes = Buffer.from([0, 255, 195, 40]);
      for (const name of ['application/octet-stream', 'image/png']) {
        const { body } = await app.post('/types/bytes', bytes, type(name));
        expect(body).toEqual({ isBuffer: true, ...toBase64(bytes) });
      }
      const form = type('application/x-www-form-urlencoded');
      expect((await app.post('/types/form', 'a=1&a=2', form)).body).toEqual({ a: ['1', '2'] });
      expect(problemOf(await app.post('/types/form', '__proto__=1', form))).toEqual({
        status: 400,
        code: 'VALIDATION_FAILED',
      });
    });

    it('are text only if they are UTF-8 without control characters', async () => {
      await start();
      const invalid = Buffer.from([0xc3, 0x28]);
      expect(problemOf(await app.post('/types/text', invalid, type('text/plain')))).toEqual({
        status: 400,
        code: 'INVALID_ENCODING',
      });
      expect(problemOf(await app.post('/types/text', 'a\0b', type('text/plain')))).toEqual({
        status: 400,
        code: 'VALIDATION_FAILED',
      });
    });

    it('have the limit of the route', async () => {
      await start();
      const large = 'x'.repeat(1_048_577);
      for (const headers of [{}, CHUNKED]) {
        const call = { headers: { 'Content-Type': 'text/plain', ...headers } };
        expect(problemOf(await app.post('/types/text', large, call))).toEqual(TOO_LARGE);
      }
    });

    it('arrive as a stream of limited length, and the connection stays usable after a refusal', async () => {
      await start();
      const call = (headers: object) => ({ headers: { 'Content-Type': 'application/octet-stream', ...headers } });
      for (const headers of [{}, CHUNKED]) {
        const bytes = Buffer.alloc(1_500_000, 'ab');
        const { body } = await app.post('/types/stream', bytes, call(headers));
        expect(body).toEqual({ sum: createHash('sha256').update(bytes).digest('hex') });
        expect(problemOf(await app.post('/types/stream', Buffer.alloc(2_200_000), call(headers)))).toEqual(TOO_LARGE);
        expect((await app.post('/types/unread', Buffer.alloc(900_000), call(headers))).status).toBe(201);
        expect((await app.post('/types/echo', { a: 1 })).body).toEqual({ body: { a: 1 } });
      }
    });

    it('are accepted on all routes by an option, in addition to JSON', async () => {
      await start({ acceptBodies: ['text/plain'] });
      expect((await app.post('/types/echo', 'a', type('text/plain'))).body).toEqual({ body: 'a' });
      expect((await app.post('/types/echo', { a: 1 })).body).toEqual({ body: { a: 1 } });
      expect(problemOf(await app.post('/types/echo', 'a', type('text/csv')))).toEqual(UNSUPPORTED);
    });

    it('must be media types', () => {
      expect(() => AcceptBody('csv')).toThrow('"csv" is not a media type');
      expect(() => AcceptBody('text/plain; charset=utf-8')).toThrow('without parameters');
      return start();
    });
  });

  describe('with a content coding', () => {
    const CODINGS = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync };
    const coded = (coding: string, name = 'application/json', more = {}) => ({
      headers: { 'Content-Type': name, 'Content-Encoding': coding, ...more },
    });

    it.each(Object.entries(CODINGS))('are decoded by an option: %s', async (coding, encode) => {
      await start({ acceptEncodedBodies: true, rawBody: true });
      const { body } = await app.post('/types/echo', encode('{"a":1}'), coded(coding));
      expect(body).toEqual({ body: { a: 1 } });
      const raw = await app.post('/raw/other', encode('{"a":1}'), coded(coding));
      expect(raw.body).toEqual(toBase64(Buffer.from('{"a":1}')));
      const stream = await app.post('/types/stream', encode('text'), coded(coding, 'application/octet-stream'));
      expect(stream.body).toEqual({ sum: createHash('sha256').update('text').digest('hex') });
    });

    it.each(Object.entries(CODINGS))(
      'are limited after decoding, so that few bytes do not become many: %s',
      async (coding, encode) => {
        await start({ acceptEncodedBodies: true });
        // 64 MB, which without a limit would be parsed and kept.
        const bomb = encode(`"${'x'.repeat(64_000_000)}"`);
        expect(bomb.length).toBeLessThan(100_000);
        for (const headers of [{}, CHUNKED]) {
          const refused = await app.post('/types/echo', bomb, coded(coding, 'application/json', headers));
          expect(problemOf(refused)).toEqual(TOO_LARGE);
        }
        const streamed = await app.post('/types/stream', bomb, coded(coding, 'application/octet-stream'));
        expect(problemOf(streamed)).toEqual(TOO_LARGE);
        expect((await app.post('/types/echo', { a: 1 })).body).toEqual({ body: { a: 1 } });
      },
    );

    it('are refused if they are cut off, not in this coding, or coded twice', async () => {
      await start({ acceptEncodedBodies: ['gzip'] });
      const whole = gzipSync('{"a":1}');
      const BROKEN = { status: 400, code: 'BAD_REQUEST' };
      expect(problemOf(await app.post('/types/echo', whole.subarray(0, -9), coded('gzip')))).toEqual(BROKEN);
      expect(problemOf(await app.post('/types/echo', '{"a":1}', coded('gzip')))).toEqual(BROKEN);
      expect(problemOf(await app.post('/types/echo', gzipSync(whole), coded('gzip, gzip')))).toEqual(UNSUPPORTED);
      const other = await app.post('/types/echo', brotliCompressSync('{"a":1}'), coded('br'));
      expect(problemOf(other)).toEqual(UNSUPPORTED);
      expect(other.headers['accept-encoding']).toBe('identity, gzip');
      expect((await app.post('/types/echo', { a: 1 })).body).toEqual({ body: { a: 1 } });
    });
  });
});
