import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Server } from 'node:http';
import { Body, Controller, Post, UploadedFile, UploadedFiles, UseInterceptors, type Type } from '@nestjs/common';
import * as express from '@nestjs/platform-express';
import * as fastify from '@nestjs/platform-fastify/multipart';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ROUTE_THROTTLE_TIERS } from '../../src/ports/index.js';
import { AcceptBody, BodyLimit, createFileOptions, Upload } from '../../src/security/index.js';
import type { Answer } from '../support/client.js';
import { HardenedApp } from '../support/hardened-app.js';
import { onBothAdapters, type AdapterName } from '../support/harness.js';

interface File {
  originalname: string;
  size: number;
}

function createController(adapter: AdapterName): Type {
  const { FileInterceptor, FilesInterceptor } = adapter === 'fastify' ? fastify : express;
  const images = createFileOptions({ maxFiles: 2, maxFileSize: '10kb', types: ['image/*'] });

  @Controller('files')
  class FilesController {
    @Post('one')
    @Upload('200kb')
    @UseInterceptors(FileInterceptor('file'))
    one(@UploadedFile() file: File, @Body() body: object): object {
      return { name: file.originalname, size: file.size, body };
    }

    @Post('images')
    @Upload('200kb')
    @UseInterceptors(FilesInterceptor('files', 5, images))
    images(@UploadedFiles() files: File[]): object {
      return files.map(({ originalname }) => originalname);
    }

    @Post('default')
    @AcceptBody('multipart/form-data')
    @UseInterceptors(FileInterceptor('file'))
    default(): object {
      return {};
    }

    @Post('json')
    json(@Body() body: unknown): unknown {
      return body;
    }
  }
  return FilesController;
}

const problemOf = ({ status, body }: Answer) => ({ status, code: body?.code });
const TOO_LARGE = { status: 413, code: 'PAYLOAD_TOO_LARGE' };
const UNSUPPORTED = { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' };
const CHUNKED = { 'Transfer-Encoding': 'chunked', 'Content-Length': [] as string[] };

const createFile = (bytes: number, name = 'a.png', type = 'image/png') => ({ name, type, bytes });

async function createForm(field: string, files: ReturnType<typeof createFile>[], fields = {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, String(value));
  for (const { name, type, bytes } of files) form.append(field, new Blob([Buffer.alloc(bytes, 'x')], { type }), name);
  const response = new Response(form);
  const type = response.headers.get('content-type') ?? '';
  return { body: Buffer.from(await response.arrayBuffer()), headers: { 'Content-Type': type } };
}

onBothAdapters('uploads in an application with its own main.ts', (adapter) => {
  let app: HardenedApp;
  beforeAll(async () => (app = await HardenedApp.start(adapter, { controllers: [createController(adapter)] })));
  afterAll(() => app.stop());

  const upload = async (path: string, form: ReturnType<typeof createForm>, more: object = {}) => {
    const { body, headers } = await form;
    return app.post(path, body, { headers: { ...headers, ...more } });
  };

  it('are read by the interceptor of the adapter', async () => {
    for (const headers of [{}, CHUNKED]) {
      const { body } = await upload('/files/one', createForm('file', [createFile(100_000)], { note: 'n' }), headers);
      expect(body).toEqual({ name: 'a.png', size: 100_000, body: { note: 'n' } });
    }
  });

  it('are refused on other routes, and other bodies are refused on their routes', async () => {
    expect(problemOf(await upload('/files/json', createForm('file', [createFile(10)])))).toEqual(UNSUPPORTED);
    expect(problemOf(await app.post('/files/one', { a: 1 }))).toEqual(UNSUPPORTED);
    const coded = { 'Content-Encoding': 'gzip' };
    expect(problemOf(await upload('/files/one', createForm('file', [createFile(10)]), coded))).toEqual(UNSUPPORTED);
  });

  it('have the limit of the route while they arrive, and the connection stays usable', async () => {
    for (const headers of [{}, CHUNKED]) {
      for (const [path, bytes] of [
        ['/files/one', 300_000],
        ['/files/default', 1_100_000],
      ] as const) {
        const refused = await upload(path, createForm('file', [createFile(bytes)]), headers);
        expect(problemOf(refused)).toEqual(TOO_LARGE);
        expect((await app.post('/files/json', { a: 1 })).body).toEqual({ a: 1 });
      }
    }
  });

  it('are refused while they arrive, without waiting for their end', async () => {
    const { hostname, port } = new URL(app.baseUrl);
    const socket = connect(Number(port), hostname);
    const head = 'POST /files/one HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n';
    socket.write(`${head}Content-Type: multipart/form-data; boundary=b\r\n\r\n`);
    const send = (text: string) => socket.write(`${text.length.toString(16)}\r\n${text}\r\n`);
    send('--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n');
    const answer = once(socket, 'data') as Promise<[Buffer]>;
    const timer = setInterval(() => send('x'.repeat(20_000)), 1);
    const [bytes] = await answer;
    clearInterval(timer);
    socket.destroy();
    expect(bytes.toString()).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('have limits for the number, the size and the types of files', async () => {
    const small = createFile(1_000);
    expect((await upload('/files/images', createForm('files', [small, small]))).body).toEqual(['a.png', 'a.png']);
    const number = await upload('/files/images', createForm('files', [small, small, small]));
    expect(number.status).toBe(400);
    // Nest's interceptor answers, without a code.
    expect((await upload('/files/images', createForm('files', [createFile(20_000)]))).status).toBe(413);
    const script = createFile(10, 'a.html', 'text/html');
    expect(problemOf(await upload('/files/images', createForm('files', [script])))).toEqual(UNSUPPORTED);
    expect((await app.post('/files/json', { a: 1 })).body).toEqual({ a: 1 });
  });

  it('cannot reach a prototype by the name of a field', async () => {
    for (const name of ['__proto__', 'constructor[prototype][polluted]', '__proto__[polluted]']) {
      await upload('/files/one', createForm('file', [createFile(10)], { [name]: 'yes' }));
    }
    expect({}).not.toHaveProperty('polluted');
  });

  it('belong to the rate limit `upload`', () => {
    const { one } = createController(adapter).prototype as { one: object };
    expect(Reflect.getMetadata(ROUTE_THROTTLE_TIERS, one)).toEqual(['upload']);
  });
});

onBothAdapters('time limits of bodies', (adapter) => {
  const { FileInterceptor } = adapter === 'fastify' ? fastify : express;

  @Controller()
  class SlowController {
    @Post('slow')
    @BodyLimit('1mb', { timeoutMs: 3_600_000 })
    slow(@Body() body: unknown): unknown {
      return body;
    }

    @Post('fast')
    @BodyLimit('1mb', { timeoutMs: 50 })
    fast(@Body() body: unknown): unknown {
      return body;
    }

    @Post('upload')
    @Upload('1mb', { timeoutMs: 50 })
    @UseInterceptors(FileInterceptor('file'))
    upload(): object {
      return {};
    }

    @Post('other')
    other(@Body() body: unknown): unknown {
      return body;
    }
  }

  let app: HardenedApp;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await app.stop();
  });
  const start = async (requestTimeoutMs?: number) =>
    (app = await HardenedApp.start(adapter, {
      controllers: [SlowController],
      options: { timeouts: { requestMs: requestTimeoutMs } },
    }));

  /** Sends a body without its end. */
  function dribble(path: string, type = 'application/json', body = '{"a"'): Socket {
    const { hostname, port } = new URL(app.baseUrl);
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: 999\r\n\r\n${body}`);
    return socket;
  }

  async function readAll(socket: Socket): Promise<string> {
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await once(socket, 'close');
    return text;
  }

  it('are those of the server if no route has a longer one', async () => {
    @Controller()
    class PlainController {}
    app = await HardenedApp.start(adapter, { controllers: [PlainController] });
    expect(app.server.requestTimeout).toBe(120_000);
  });

  it('of a route can be longer than those of other routes, which keep theirs', async () => {
    await start(50);
    const { requestTimeout } = app.server as Server;
    expect(requestTimeout).toBe(3_600_000);
    const slow = dribble('/slow');
    for (const path of ['/other', '/none']) {
      const text = await readAll(dribble(path));
      expect(text).toMatch(/^HTTP\/1\.1 408 /);
      expect(text).toMatch(/\r\nconnection: close\r\n/i);
      expect(text).toContain('"code":"REQUEST_TIMEOUT"');
    }
    slow.write(`:1${' '.repeat(999 - '{"a":1}'.length)}}`);
    const [answer] = (await once(slow, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 201 /);
  });

  it('of a route can be shorter', async () => {
    await start();
    expect(await readAll(dribble('/fast'))).toMatch(/^HTTP\/1\.1 408 /);
    const part = '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx';
    expect(await readAll(dribble('/upload', 'multipart/form-data; boundary=b', part))).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('also apply to a body that was refused before it was read', async () => {
    await start(50);
    expect(await readAll(dribble('/other', 'text/plain'))).toMatch(/^HTTP\/1\.1 415 /);
  });
});

describe('the options of file interceptors', () => {
  it('must name sizes and media types', () => {
    expect(() => createFileOptions({ types: ['png'] })).toThrow(RangeError);
    expect(() => createFileOptions({ maxFileSize: 'large' })).toThrow('large');
  });
});
