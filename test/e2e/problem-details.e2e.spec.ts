import { randomUUID } from 'node:crypto';
import {
  BadGatewayException,
  Controller,
  Get,
  HttpException,
  Module,
  NotFoundException,
  Res,
  ServiceUnavailableException,
  StreamableFile,
} from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Public } from '../../src/guards/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import '../support/problem.js';
import { sendBytes } from '../support/socket.js';
import { until } from '../support/until.js';

@Controller('failing')
@Public()
class FailingController {
  @Get('error')
  error(): never {
    throw new TypeError('the password of the database is hunter2');
  }

  @Get('later')
  async later(): Promise<never> {
    await new Promise(setImmediate);
    throw new RangeError('late hunter2');
  }

  @Get('text')
  text(): never {
    // oxlint-disable-next-line typescript/only-throw-error -- third-party code does this
    throw 'hunter2 as text';
  }

  @Get('nothing')
  nothing(): never {
    // oxlint-disable-next-line typescript/only-throw-error -- third-party code does this
    throw undefined;
  }

  @Get('wrapped')
  wrapped(): never {
    throw new BadGatewayException('upstream said hunter2', { cause: new Error('hunter2 inside') });
  }

  @Get('unavailable')
  unavailable(): never {
    throw new ServiceUnavailableException('The printer is being serviced until noon.');
  }

  @Get('missing')
  missing(): never {
    throw new NotFoundException('Cannot find that cat');
  }

  @Get('teapot')
  teapot(): never {
    throw new HttpException({ message: ['short', 'stout'], hidden: 'hunter2' }, 418);
  }

  @Get('success')
  success(): never {
    throw new HttpException('this is no failure', 200);
  }

  /** Fails after it has written its first bytes directly to the response, without the framework. */
  @Get('written')
  written(@Res() response: { raw?: ServerResponse } & ServerResponse): never {
    const raw = response.raw ?? response;
    raw.writeHead(200, { 'Content-Type': 'text/csv' });
    raw.write('the first half');
    throw new Error('the second half is lost');
  }

  /** The same in a stream that the framework sends. */
  @Get('half')
  half(): StreamableFile {
    const source = Readable.from(
      (async function* () {
        yield 'the first half';
        await new Promise(setImmediate);
        throw new Error('the second half is lost');
      })(),
    );
    return new StreamableFile(source, { type: 'text/csv' });
  }
}

@Module({ controllers: [FailingController] })
class FailingModule {}

onBothAdapters('problem documents', (adapter) => {
  let app: TestApp;
  beforeAll(async () => (app = await TestApp.start({ HTTP_ADAPTER: adapter }, { imports: [FailingModule] })));
  afterAll(() => app.stop());

  const raw = (head: string) => sendBytes(app.baseUrl, `${head}\r\n\r\n`);
  const logged = (requestId: string) =>
    app.logs.find((line) => line.requestId === requestId && line.msg === 'request failed');

  describe('for requests without a matching route', () => {
    it('names the path of an unknown route, but not its query', async () => {
      const answer = await app.get('/no/such/route?token=hunter2');
      expect(answer).toBeProblem({ status: 404, code: 'NOT_FOUND' });
      expect(answer.body.instance).toBe('/no/such/route');
      expect(answer.text).not.toContain('hunter2');
    });

    it.each(['TRACE', 'PROPFIND', 'PURGE', 'SEARCH'])('refuses %s on every route', async (method) => {
      const answer = await app.send(method, '/auth/login');
      expect(answer).toBeProblem({ status: 405, code: 'METHOD_NOT_ALLOWED' });
      expect(answer.headers['allow']).toBe('GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
    });

    it.each(['DELETE', 'PUT', 'PATCH', 'GET', 'OPTIONS'])(
      'refuses %s on a route that has only POST',
      async (method) => {
        expect(await app.send(method, '/auth/login')).toBeProblem({ status: 404, code: 'NOT_FOUND' });
      },
    );

    it.each(['/%zz', '/auth/%ff', '/auth/profile%', '/%c3%28'])('refuses the malformed path %s', async (path) => {
      const answer = await app.get(`${path}?token=hunter2`);
      expect(answer).toBeProblem({ status: 400, code: 'MALFORMED_URL' });
      expect(answer.text).not.toContain('hunter2');
    });

    it('refuses a path that is too long', async () => {
      expect(await app.get(`/${'a'.repeat(5_000)}`)).toBeProblem({ status: 414, code: 'URI_TOO_LONG' });
    });
  });

  describe('for malformed HTTP', () => {
    it.each([
      ['garbage', 'HELO mail.example', { status: 400, code: 'BAD_REQUEST' }],
      ['a header without a colon', 'GET /livez HTTP/1.1\r\nHost: x\r\nnonsense', { status: 400, code: 'BAD_REQUEST' }],
      [
        'a header that is split by a bare line feed',
        'GET /livez HTTP/1.1\r\nHost: x\r\nX-A: 1\nX-B: 2\r\n:',
        { status: 400, code: 'BAD_REQUEST' },
      ],
      [
        'two lengths (request smuggling)',
        'POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked',
        { status: 400, code: 'BAD_REQUEST' },
      ],
      [
        'headers that are too large',
        `GET /livez HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(20_000)}`,
        { status: 431, code: 'HEADERS_TOO_LARGE' },
      ],
    ])('refuses %s', async (_what, head, wanted) => {
      const answer = await raw(head);
      expect(answer).toBeProblem(wanted);
      expect(answer.headers['connection']).toBe('close');
    });

    // Node itself answers a request without Host, with an empty 400, on both adapters; there is no hook before that.
    it('refuses a request without Host', async () => {
      expect((await raw('GET /auth/profile HTTP/1.1\r\nConnection: close')).status).toBe(400);
    });
  });

  describe('for internal errors', () => {
    it.each([
      ['/v1/failing/error', 'TypeError', 'the password of the database is hunter2'],
      ['/v1/failing/later', 'RangeError', 'late hunter2'],
    ])('sends the client of %s only an id, and logs the full error', async (path, type, message) => {
      const answer = await app.get(path);
      expect(answer).toBeProblem({ status: 500, code: 'INTERNAL_ERROR' });
      expect(answer.text).not.toMatch(/hunter2|Error\b|node_modules|\.ts/);
      expect(logged(answer.body.requestId)).toMatchObject({
        level: 'error',
        err: { type, message, stack: expect.stringContaining('FailingController') },
      });
    });

    it.each([
      ['/v1/failing/text', 'hunter2 as text'],
      ['/v1/failing/nothing', 'undefined'],
    ])('logs the value that %s throws, although it is not an Error', async (path, words) => {
      const answer = await app.get(path);
      expect(answer).toBeProblem({ status: 500, code: 'INTERNAL_ERROR' });
      expect(answer.text).not.toContain('hunter2');
      expect(logged(answer.body.requestId)?.err).toMatchObject({
        type: 'Error',
        message: expect.stringContaining(words),
      });
    });

    it('hides the message of an exception that wraps another error, and logs the inner error', async () => {
      const answer = await app.get('/v1/failing/wrapped');
      expect(answer).toBeProblem({ status: 502, code: 'BAD_GATEWAY' });
      expect(answer.text).not.toContain('hunter2');
      expect(logged(answer.body.requestId)?.err).toMatchObject({ message: 'hunter2 inside' });
    });

    it('answers 500 to an exception with a success status', async () => {
      expect(await app.get('/v1/failing/success')).toBeProblem({ status: 500, code: 'INTERNAL_ERROR' });
    });

    it.each(['/v1/failing/written', '/v1/failing/half'])(
      'aborts %s, which fails half-way, so that a partial body does not look complete',
      async (path) => {
        const id = `half-way-${randomUUID()}`;
        await expect(app.get(path, { headers: { 'X-Request-Id': id } })).rejects.toThrow(/aborted|hang up|reset/i);
        const lines = () => app.logs.filter(({ requestId }) => requestId === id);
        await until('the access line is written', () => lines().some(({ msg }) => msg === 'request'));
        expect(lines().find(({ msg }) => msg === 'request')).toMatchObject({ status: 500, level: 'error' });
        expect(JSON.stringify(lines().filter(({ level }) => level === 'error'))).toContain('the second half is lost');
        expect((await app.get('/livez')).status).toBe(200);
      },
    );
  });

  describe("for the application's own exceptions", () => {
    it('passes on their message', async () => {
      const answer = await app.get('/v1/failing/unavailable');
      expect(answer).toBeProblem({ status: 503, code: 'SERVICE_UNAVAILABLE' });
      expect(answer.body.detail).toBe('The printer is being serviced until noon.');
    });

    it("does not treat a handler's 404 as an unknown route", async () => {
      const answer = await app.get('/v1/failing/missing');
      expect(answer).toBeProblem({ status: 404, code: 'NOT_FOUND' });
      expect(answer.body.detail).toBe('Cannot find that cat');
    });

    it('keeps a status without its own error code, joins messages, and removes other members', async () => {
      const answer = await app.get('/v1/failing/teapot');
      expect(answer).toBeProblem({ status: 418, code: 'BAD_REQUEST' });
      expect(answer.body.detail).toBe('short; stout');
      expect(answer.text).not.toContain('hunter2');
    });

    it('logs no error line for client errors', async () => {
      const { body } = await app.get('/v1/failing/teapot');
      expect(logged(body.requestId)).toBeUndefined();
    });
  });
});
