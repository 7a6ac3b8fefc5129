import { get as httpGet, type IncomingMessage } from 'node:http';
import { PassThrough, Readable, type Transform } from 'node:stream';
import { brotliDecompressSync, createBrotliDecompress, createGunzip, gunzipSync, gzipSync } from 'node:zlib';
import * as zlib from 'node:zlib';
import {
  Controller,
  Get,
  Header,
  Inject,
  Injectable,
  Module,
  Query,
  Sse,
  StreamableFile,
  type MessageEvent,
} from '@nestjs/common';
import { Subject, type Observable } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { currentContext } from '../../src/context/index.js';
import { Authenticated, Public } from '../../src/guards/index.js';
import { HAS_ZSTD } from '../../src/security/compression-rules.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import '../support/problem.js';
import { until } from '../support/until.js';

/** Node's types of version 20 do not know Zstandard. */
const { zstdDecompressSync, createZstdDecompress } = zlib as unknown as {
  zstdDecompressSync: (data: Buffer) => Buffer;
  createZstdDecompress: () => Transform;
};
const DECODERS: Record<string, (data: Buffer) => Buffer> = {
  br: brotliDecompressSync,
  gzip: gunzipSync,
  zstd: zstdDecompressSync,
};
const STREAM_DECODERS: Record<string, () => Transform> = {
  br: createBrotliDecompress,
  gzip: createGunzip,
  zstd: createZstdDecompress,
  identity: () => new PassThrough(),
};

const LINE = 'a line that compresses well\n';
const LARGE = LINE.repeat(400);
/** The first two bytes look like zlib data. */
const LIKE_ZLIB = `80${LARGE}`;

/** Streams to which the test writes in parts. */
@Injectable()
class Sources {
  readonly events = new Subject<MessageEvent>();
  stream = new PassThrough();
  readonly held: (() => void)[] = [];
}

@Controller('content')
@Public()
class ContentController {
  constructor(@Inject(Sources) private readonly sources: Sources) {}

  @Get('large')
  large(): { text: string } {
    return { text: LARGE };
  }

  @Get('text')
  text(): string {
    return `<script>alert(1)</script>${LARGE}`;
  }

  @Get('lines')
  @Header('ETag', '"strong"')
  lines(@Query('count') count: string): string {
    return LINE.repeat(Number(count));
  }

  @Get('like-zlib')
  likeZlib(): string {
    return LIKE_ZLIB;
  }

  @Get('like-zlib/stream')
  likeZlibStream(): StreamableFile {
    return new StreamableFile(Readable.from([Buffer.from(LIKE_ZLIB)]), { type: 'text/csv' });
  }

  @Get('mine')
  @Authenticated()
  mine(): { text: string } {
    return { text: LARGE };
  }

  @Get('cached')
  @Authenticated()
  @Header('Cache-Control', 'private, max-age=60')
  cached(): { text: string } {
    return { text: LARGE };
  }

  @Get('secret')
  @Header('Cache-Control', 'no-store')
  secret(): { text: string } {
    return { text: LARGE };
  }

  @Get('encoded')
  @Header('Content-Encoding', 'gzip')
  @Header('Content-Type', 'application/json')
  encoded(): StreamableFile {
    return new StreamableFile(gzipSync(JSON.stringify({ text: LARGE })));
  }

  @Get('image')
  image(): StreamableFile {
    return new StreamableFile(Buffer.alloc(5_000, 'x'), { type: 'image/png' });
  }

  @Get('failing')
  failing(): never {
    throw new Error(LARGE);
  }

  @Sse('events')
  events(): Observable<MessageEvent> {
    return this.sources.events;
  }

  @Get('held')
  held(): StreamableFile {
    currentContext()?.holdResponse(new Promise<void>((resolve) => this.sources.held.push(resolve)));
    return this.stream();
  }

  @Get('stream')
  stream(): StreamableFile {
    return new StreamableFile(this.sources.stream, { type: 'text/plain' });
  }
}

@Module({ controllers: [ContentController], providers: [Sources] })
class ContentModule {}

onBothAdapters('response headers', (adapter) => {
  let app: TestApp;
  beforeAll(async () => (app = await TestApp.start({ HTTP_ADAPTER: adapter }, { imports: [ContentModule] })));
  afterAll(() => app.stop());

  it.each([
    ['GET', '/livez', 200],
    ['GET', '/v1/content/text', 200],
    ['HEAD', '/livez', 200],
    ['POST', '/auth/login', 400],
    ['GET', '/auth/profile', 401],
    ['HEAD', '/auth/profile', 401],
    ['GET', '/no/such/route', 404],
    ['OPTIONS', '/auth/login', 404],
    ['GET', '/v1/content/failing', 500],
    ['GET', '/docs/openapi.json', 200],
  ])('protect %s %s (%i)', async (method, path, status) => {
    const answer = await app.send(method, path);
    expect(answer.status).toBe(status);
    expect(answer).toHaveSecurityHeaders();
  });

  it('declare text as text/plain, not as HTML', async () => {
    const { headers } = await app.get('/v1/content/text');
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
  });

  it('do not contain an ETag by default', async () => {
    const { headers } = await app.get('/v1/content/large');
    expect(headers).not.toHaveProperty('etag');
  });

  it('require HTTPS if a trusted proxy reports HTTPS', async () => {
    const proxied = await TestApp.start({ HTTP_ADAPTER: adapter, TRUST_PROXY: 'loopback', HSTS_PRELOAD: 'true' });
    try {
      const hsts = async (to: TestApp, path: string, proto: string) => {
        const { headers } = await to.get(path, { headers: { 'X-Forwarded-Proto': proto } });
        return headers['strict-transport-security'];
      };
      for (const path of ['/livez', '/no/such/route', '/%']) {
        expect(await hsts(proxied, path, 'https')).toBe('max-age=63072000; includeSubDomains; preload');
        expect(await hsts(proxied, path, 'http')).toBeUndefined();
        expect(await hsts(app, path, 'https')).toBeUndefined();
      }
    } finally {
      await proxied.stop();
    }
  });

  it('forbid caches to store a response for one user, also an error', async () => {
    const { token } = await app.register();
    const cacheControl = async (path: string, call = {}) => (await app.get(path, call)).headers['cache-control'];
    expect(await cacheControl('/auth/profile', { token })).toBe('no-store');
    expect(await cacheControl('/v1/content/mine', { token })).toBe('private, no-store');
    expect(await cacheControl('/v1/content/mine', {})).toBe('no-store');
    expect(await cacheControl('/v1/content/mine', { token: 'wrong' })).toBe('no-store');
    expect(await cacheControl('/no/such/route', { token })).toBe('no-store');
    // This route sets its own Cache-Control.
    expect(await cacheControl('/v1/content/cached', { token })).toBe('private, max-age=60');
    expect(await cacheControl('/v1/content/large')).toBeUndefined();
  });

  describe('of the documentation page', () => {
    it.each(['/docs', '/docs/', '/DOCS'])('allow %s to load only what it needs', async (path) => {
      const page = await app.get(path);
      expect(page.status).toBe(200);
      expect(page.headers['content-type']).toMatch(/^text\/html/);
      const policy = String(page.headers['content-security-policy']);
      const [, nonce = ''] = /script-src 'nonce-([\w+/=]{22,})';/.exec(policy) ?? [];
      expect(nonce).not.toBe('');
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toMatch(/unsafe|\*/);
      // A script without the nonce would not run.
      const scripts = page.text.match(/<script\b[^>]*>/g) ?? [];
      expect(scripts).toHaveLength(2);
      expect(scripts.filter((script) => !script.includes(`nonce="${nonce}"`))).toEqual([]);
      const files = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(
        ([, file = '']) => new URL(file, `${app.baseUrl}${path}`).pathname,
      );
      expect(files).toHaveLength(3);
      for (const file of files) expect({ file, status: (await app.get(file)).status }).toEqual({ file, status: 200 });
      const again = await app.get(path);
      expect(again.headers['content-security-policy']).not.toBe(policy);
    });

    it('do not weaken the headers of other routes', async () => {
      for (const path of ['/livez', '/docsx', '/no/docs/', '/v1/docs', '/docs/openapi.json', '/docs/swagger-ui.css']) {
        const { headers } = await app.get(path);
        expect(headers['content-security-policy']).toBe(
          "default-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'none'",
        );
      }
    });

    it('are sent with a document that can be parsed', async () => {
      const { body } = await app.get('/docs/openapi.json');
      expect(body).toMatchObject({ openapi: expect.stringMatching(/^3\./), paths: expect.any(Object) });
      expect(Object.keys(body.paths)).toEqual(expect.arrayContaining(['/v1/auth/login', '/auth/login', '/health']));
    });
  });
});

onBothAdapters('CORS', (adapter) => {
  const ALLOWED = 'https://app.example';

  async function withApp(env: Record<string, string>, work: (app: TestApp) => Promise<void>): Promise<void> {
    const app = await TestApp.start({ HTTP_ADAPTER: adapter, ...env }, { imports: [ContentModule] });
    try {
      await work(app);
    } finally {
      await app.stop();
    }
  }

  const ask = (app: TestApp, Origin: string, path = '/livez') => app.get(path, { headers: { Origin } });
  const preflight = (app: TestApp, Origin: string, path = '/auth/login') =>
    app.send('OPTIONS', path, {
      headers: {
        Origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization,content-type',
      },
    });
  const corsHeaders = (headers: object) => Object.keys(headers).filter((name) => name.startsWith('access-control-'));

  it('is off by default', () =>
    withApp({}, async (app) => {
      expect(corsHeaders((await ask(app, ALLOWED)).headers)).toEqual([]);
      const answer = await preflight(app, ALLOWED);
      expect(answer).toBeProblem({ status: 404, code: 'NOT_FOUND' });
      expect(corsHeaders(answer.headers)).toEqual([]);
    }));

  it('allows only the listed origins', () =>
    withApp({ CORS_ORIGINS: `${ALLOWED},https://admin.example:8443` }, async (app) => {
      for (const origin of [ALLOWED, 'https://admin.example:8443']) {
        const { headers } = await ask(app, origin);
        expect(headers['access-control-allow-origin']).toBe(origin);
        expect(headers['vary']).toMatch(/\bOrigin\b/);
        expect(headers).not.toHaveProperty('access-control-allow-credentials');
        expect(headers['access-control-expose-headers']).toMatch(/^X-Request-Id, Retry-After\b/);
      }
      for (const origin of [
        'https://app.example.evil.example',
        'http://app.example',
        'https://x.app.example',
        'null',
      ]) {
        for (const { headers } of [await ask(app, origin), await preflight(app, origin)]) {
          expect(headers).not.toHaveProperty('access-control-allow-origin');
          // No cache may return this answer to an allowed origin.
          expect(headers['vary']).toMatch(/\bOrigin\b/);
        }
      }
    }));

  it('allows origins that match a pattern', () =>
    withApp({ CORS_ORIGINS: 'https://*.app.example' }, async (app) => {
      const allowed = async (origin: string) => (await ask(app, origin)).headers['access-control-allow-origin'];
      expect(await allowed('https://a.app.example')).toBe('https://a.app.example');
      for (const origin of ['https://a.b.app.example', 'https://app.example', 'https://aapp.example', 'null']) {
        expect(await allowed(origin)).toBeUndefined();
      }
    }));

  it('audits refused origins, once for many requests', () =>
    withApp({ CORS_ORIGINS: ALLOWED }, async (app) => {
      const evil = `https://${adapter}.evil.example`;
      const first = await ask(app, evil);
      for (let i = 0; i < 5; i++) await ask(app, evil);
      await ask(app, ALLOWED);
      const [event, ...others] = await app.auditOf(String(first.headers['x-request-id']));
      expect(event).toMatchObject({
        action: 'security.violation',
        outcome: 'denied',
        metadata: { rule: 'cors_origin', origin: evil },
      });
      expect(others).toEqual([]);
      const all = await app.sql("SELECT 1 FROM audit_events WHERE metadata->>'origin' = $1", [evil]);
      expect(all).toHaveLength(1);
      expect((await app.get('/metrics')).text).toContain('security_refusals_total{rule="cors_origin"} 6');
    }));

  it('answers preflight requests', () =>
    withApp({ CORS_ORIGINS: ALLOWED }, async (app) => {
      const { status, headers, text } = await preflight(app, ALLOWED);
      expect({ status, text }).toEqual({ status: 204, text: '' });
      expect(headers).toMatchObject({
        'access-control-allow-origin': ALLOWED,
        'access-control-allow-methods': 'GET,HEAD,PUT,PATCH,POST,DELETE',
        'access-control-allow-headers': 'authorization,content-type',
        'access-control-max-age': '600',
      });
      expect({ headers }).toHaveSecurityHeaders();
    }));

  it('accepts an OPTIONS request that is not a preflight request', () =>
    withApp({ CORS_ORIGINS: ALLOWED }, async (app) => {
      // @fastify/cors alone would return 400, text/plain, "Invalid Preflight Request".
      const { status, text, headers } = await app.send('OPTIONS', '/auth/login');
      expect({ status, text }).toEqual({ status: 204, text: '' });
      expect(headers).not.toHaveProperty('access-control-allow-origin');
    }));

  it('allows scripts to read errors', () =>
    withApp({ CORS_ORIGINS: ALLOWED }, async (app) => {
      const call = { headers: { Origin: ALLOWED, 'Content-Type': 'text/plain' } };
      const answers = [
        await ask(app, ALLOWED, '/auth/profile'),
        await ask(app, ALLOWED, '/no/such/route'),
        await ask(app, ALLOWED, '/v1/content/failing'),
        await app.post('/auth/login', '{', { headers: { Origin: ALLOWED } }),
        await app.post('/auth/login', Buffer.alloc(2_000_000), { headers: { Origin: ALLOWED } }),
        await app.post('/auth/login', 'x', call),
      ];
      expect(answers.map(({ status }) => status)).toEqual([401, 404, 500, 400, 413, 415]);
      for (const { headers } of answers) expect(headers['access-control-allow-origin']).toBe(ALLOWED);
    }));

  it('allows credentials if CORS_CREDENTIALS is set', () =>
    withApp({ CORS_ORIGINS: ALLOWED, CORS_CREDENTIALS: 'true' }, async (app) => {
      for (const { headers } of [await ask(app, ALLOWED), await preflight(app, ALLOWED)]) {
        expect(headers['access-control-allow-credentials']).toBe('true');
        expect(headers['access-control-allow-origin']).toBe(ALLOWED);
      }
    }));

  it('can allow all origins, without credentials', () =>
    withApp({ CORS_ORIGINS: '*' }, async (app) => {
      const { headers } = await ask(app, 'https://anyone.example');
      expect(headers['access-control-allow-origin']).toBe('*');
      expect(headers).not.toHaveProperty('access-control-allow-credentials');
    }));
});

onBothAdapters('compression', (adapter) => {
  /** `compression` on Express has no Zstandard; Node has it from 22.15. */
  const CODINGS = adapter === 'fastify' && HAS_ZSTD ? ['zstd', 'br', 'gzip'] : ['br', 'gzip'];
  const [BEST] = CODINGS;
  let app: TestApp;
  beforeAll(async () => (app = await TestApp.start({ HTTP_ADAPTER: adapter }, { imports: [ContentModule] })));
  afterAll(() => app.stop());

  const get = (path: string, coding?: string) =>
    app.get(path, { headers: coding === undefined ? {} : ({ 'Accept-Encoding': coding } as Record<string, string>) });
  const decode = (bytes: Buffer, coding: string | undefined) =>
    (coding === undefined ? bytes : DECODERS[coding]?.(bytes))?.toString() ?? '';

  it.each([
    ['gzip', 'gzip'],
    ['br', 'br'],
    ['gzip, deflate, br, zstd', BEST],
    ['gzip;q=0.5, br;q=0.1', 'gzip'],
    ['GZIP', 'gzip'],
    ['x-gzip', 'gzip'],
    ['*', BEST],
    ['zstd;q=0, br;q=0, *', 'gzip'],
    ['identity', undefined],
    ['identity, gzip;q=0.5', undefined],
    ['gzip;q=0', undefined],
    ['*;q=0', undefined],
    ['gzip;q=nonsense', undefined],
    ['deflate', undefined],
    ['made-up', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('answers Accept-Encoding: %s with %s', async (accepted, coding) => {
    const { status, headers, bytes } = await get('/v1/content/large', accepted);
    expect(status).toBe(200);
    expect(headers['content-encoding']).toBe(coding);
    expect(headers['vary']).toMatch(/accept-encoding/i);
    expect(JSON.parse(decode(bytes, coding))).toEqual({ text: LARGE });
    expect(bytes.length < LARGE.length / 4).toBe(coding !== undefined);
  });

  it.each(CODINGS)('sends bodies of any size with %s without changes', async (coding) => {
    for (const count of [100, 10_000]) {
      const { headers, bytes } = await get(`/v1/content/lines?count=${count}`, coding);
      expect(headers['content-encoding']).toBe(coding);
      expect(decode(bytes, coding)).toBe(LINE.repeat(count));
      expect(bytes.length).toBeLessThan((LINE.length * count) / 4);
    }
  });

  it('makes a strong ETag weak if it compresses the body', async () => {
    const etagOf = async (count: number, coding: string) =>
      (await get(`/v1/content/lines?count=${count}`, coding)).headers['etag'];
    expect(await etagOf(100, 'gzip')).toBe('W/"strong"');
    expect(await etagOf(100, 'identity')).toBe('"strong"');
    expect(await etagOf(10, 'gzip')).toBe('"strong"');
  });

  it.each(['', '/stream'])('sends text that begins like zlib data unchanged: like-zlib%s', async (kind) => {
    const { headers, bytes } = await get(`/v1/content/like-zlib${kind}`, 'br');
    expect(decode(bytes, headers['content-encoding'])).toBe(LIKE_ZLIB);
  });

  it.each([
    ['a small body', '/health'],
    ['a compressed image format', '/v1/content/image'],
    ['a problem document', '/no/such/route'],
    ['a no-store response, which may contain secrets (BREACH)', '/v1/content/secret'],
  ])('does not compress %s', async (_what, path) => {
    const { headers } = await get(path, 'gzip, br');
    expect(headers).not.toHaveProperty('content-encoding');
  });

  it('compresses the response to a request with a bearer token', async () => {
    const { token } = await app.register();
    const { headers } = await app.get('/v1/content/mine', { token, headers: { 'Accept-Encoding': 'gzip' } });
    expect(headers).toMatchObject({ 'cache-control': 'private, no-store', 'content-encoding': 'gzip' });
  });

  it('does not compress a compressed body again', async () => {
    const { headers, bytes } = await get('/v1/content/encoded', 'gzip, br');
    expect(headers['content-encoding']).toBe('gzip');
    expect(JSON.parse(gunzipSync(bytes).toString())).toEqual({ text: LARGE });
  });

  it('sends no body in response to HEAD', async () => {
    const { status, bytes } = await app.send('HEAD', '/v1/content/large', { headers: { 'Accept-Encoding': 'gzip' } });
    expect({ status, length: bytes.length }).toEqual({ status: 200, length: 0 });
  });

  it('compresses the metrics page', async () => {
    const { headers, bytes } = await get('/metrics', 'gzip');
    expect(headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(bytes).toString()).toContain('http_server_request_duration_seconds');
  });

  describe('of streams', () => {
    const open = (path: string, coding: string) =>
      new Promise<IncomingMessage>((resolve, reject) => {
        const request = httpGet(`${app.baseUrl}${path}`, { headers: { 'Accept-Encoding': coding }, agent: false });
        request.on('response', resolve).on('error', reject);
      });

    it.each([...CODINGS, 'identity'])('sends each written part immediately: %s', async (coding) => {
      const sources = app.app.get(Sources);
      sources.stream = new PassThrough();
      sources.stream.write('1st part');
      const response = await open('/v1/content/stream', coding);
      expect(response.headers['content-encoding'] ?? 'identity').toBe(coding);
      const plain = response.pipe((STREAM_DECODERS[coding] as () => Transform)());
      let received = '';
      plain.on('data', (chunk: Buffer) => (received += chunk.toString()));
      await until('the first part arrives while the stream is open', () => received === '1st part');
      sources.stream.write(' second');
      await until('the second part arrives while the stream is open', () => received === '1st part second');
      sources.stream.end(' third');
      await until('the stream ends', () => plain.readableEnded);
      expect(received).toBe('1st part second third');
    });

    it.each([...CODINGS, 'identity'])('continues after the response was delayed: %s', async (coding) => {
      const sources = app.app.get(Sources);
      sources.stream = new PassThrough();
      sources.stream.write('first');
      const answer = open('/v1/content/held', coding);
      // Fastify begins to send when nothing delays the response.
      await until(
        'the writer waits',
        () => sources.held.length > 0 && (adapter === 'fastify' || sources.stream.readableLength === 0),
      );
      sources.held.pop()?.();
      const response = await answer;
      const plain = response.pipe((STREAM_DECODERS[coding] as () => Transform)());
      let received = '';
      plain.on('data', (chunk: Buffer) => (received += chunk.toString()));
      for (const part of [', second', ', third']) sources.stream.write(part);
      sources.stream.end();
      await until('the stream ends', () => plain.readableEnded);
      expect(received).toBe('first, second, third');
    });

    it('does not compress server-sent events', async () => {
      const sources = app.app.get(Sources);
      const response = await open('/v1/content/events', 'gzip, br');
      expect(response.headers['content-type']).toMatch(/^text\/event-stream/);
      expect(response.headers).not.toHaveProperty('content-encoding');
      expect(response).toHaveSecurityHeaders();
      let received = '';
      response.on('data', (chunk: Buffer) => (received += chunk.toString()));
      await until('a client is subscribed', () => sources.events.observed);
      sources.events.next({ data: 'first\nevent: forged' });
      await until('the event arrives while the stream is open', () => received.includes('forged'));
      expect(received).not.toMatch(/^event: forged/m);
      response.destroy();
      await until('no client is subscribed', () => !sources.events.observed);
    });
  });
});
