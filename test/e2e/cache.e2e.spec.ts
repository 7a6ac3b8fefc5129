import {
  Controller,
  Get,
  Header,
  HttpCode,
  Injectable,
  Module,
  Post,
  Res,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import { CACHE_MANAGER, CacheInterceptor, type Cache } from '@nestjs/cache-manager';
import { map } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cached, CacheModule, CacheService } from '../../src/cache/index.js';
import { GuardChainModule } from '../../src/guards/index.js';
import { ProblemException } from '../../src/problem/index.js';
import { RequestContext, runWithContext, type AdapterRequest } from '../../src/context/index.js';
import { ETag } from '../../src/conventions/index.js';
import { onBothAdapters } from '../support/harness.js';
import { ThrottledApp } from '../support/throttled-app.js';

let loads = 0;

class Product {
  constructor(readonly name: string) {}
}

@Injectable()
class Reports {
  @Cached({ tags: (id: number) => [`report:${id}`] })
  async report(id: number): Promise<{ id: number; load: number }> {
    return { id, load: ++loads };
  }
}

@Injectable()
class Wrapping implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((value: unknown) => ({ wrapped: value })));
  }
}

@Controller('around')
@UseInterceptors(Wrapping)
class AroundController {
  @Get('wrapped')
  @Cached({ scope: 'public' })
  wrapped() {
    return { load: ++loads };
  }
}

@Controller()
class CachedController {
  constructor(private readonly cache: CacheService) {}

  @Get('me')
  @Cached()
  me() {
    return { load: ++loads };
  }

  @Get('list')
  @Cached({ ttlMs: 60_000, scope: 'public', vary: ['accept-language'] })
  list() {
    return { load: ++loads };
  }

  @Get('tagged')
  @Cached({ scope: 'public', tags: ['tagged'] })
  tagged() {
    return { load: ++loads };
  }

  @Post('tagged')
  @HttpCode(204)
  async change(): Promise<void> {
    await this.cache.invalidate('tagged');
  }

  @Get('cookie')
  @Cached({ scope: 'public' })
  @Header('Set-Cookie', 'a=b')
  cookie() {
    return { load: ++loads };
  }

  @Get('missing')
  @Cached({ scope: 'public' })
  missing() {
    throw new ProblemException('NOT_FOUND', `load ${++loads}`);
  }

  @Get('headers')
  @Cached({ scope: 'public' })
  headers(@Res({ passthrough: true }) response: { header(name: string, value: string): void }) {
    response.header('X-Total', '7');
    return { load: ++loads };
  }

  @Get('rich')
  @Cached({ scope: 'public' })
  @HttpCode(203)
  rich(@Res({ passthrough: true }) response: { header(name: string, value: string): void }) {
    response.header('Content-Type', 'application/vnd.api+json');
    return { load: ++loads, text: 'ä\n"<\u2028', at: null, list: [1, { a: [] }] };
  }

  @Get('dated')
  @Cached({ scope: 'public' })
  dated() {
    return { load: ++loads, at: new Date(0) };
  }

  @Get('with-etag')
  @Cached({ scope: 'public' })
  @ETag()
  withEtag() {
    return { load: ++loads };
  }

  @Get('scalar')
  @Cached({ scope: 'public' })
  scalar() {
    return `load ${++loads}`;
  }

  @Get('wrapped')
  @UseInterceptors(Wrapping)
  @Cached({ scope: 'public' })
  wrapped() {
    return { load: ++loads };
  }

  @Post('written')
  @Cached({ scope: 'public' })
  written() {
    return { load: ++loads };
  }

  @Get('plain')
  plain() {
    return { load: ++loads };
  }

  @Get('stock')
  @UseInterceptors(CacheInterceptor)
  stock() {
    return { load: ++loads };
  }
}

@Module({ controllers: [CachedController, AroundController], providers: [Reports], exports: [Reports] })
class CachedModule {}

onBothAdapters('cached routes', (adapter) => {
  let app: ThrottledApp;
  beforeAll(async () => {
    app = await ThrottledApp.start(adapter, {
      imports: [GuardChainModule, CacheModule.forRoot({ redis: false }), CachedModule],
    });
  });
  afterAll(() => app.stop());

  const as = (user: string) => ({ headers: { 'x-user': user } });

  it('are not shared between users or with anonymous callers without a scope', async () => {
    const [ada, bob, nobody] = await Promise.all([
      app.get('/me', as('ada')),
      app.get('/me', as('bob')),
      app.get('/me'),
    ]);
    expect(new Set([ada, bob, nobody].map(({ body }) => body.load)).size).toBe(3);
    expect((await app.get('/me', as('ada'))).body).toEqual(ada.body);
    expect((await app.get('/me', as('bob'))).body).toEqual(bob.body);
    // A result for an administrator must not be returned to a user without that role.
    expect((await app.get('/me', as('ada Admin'))).body).not.toEqual(ada.body);
    expect((await app.get('/list', as('ada'))).body).toEqual((await app.get('/list', as('bob'))).body);
  });

  it('are not cached by default if no guard has checked the credentials', async () => {
    const { body } = await app.get('/me', { headers: { cookie: 'session=1' } });
    expect((await app.get('/me', { headers: { cookie: 'session=1' } })).body).not.toEqual(body);
  });

  it('send the headers of HTTP caching', async () => {
    const [first, second] = [await app.get('/list?a'), await app.get('/list?a')];
    expect(first.headers).toMatchObject({
      'cache-status': 'bulwark; fwd=miss',
      'cache-control': expect.stringMatching(/^public, max-age=\d+$/),
    });
    expect(first.headers).not.toHaveProperty('age');
    expect(second.headers).toMatchObject({
      'cache-status': 'bulwark; hit',
      age: expect.stringMatching(/^\d+$/),
      vary: 'accept-language',
    });
    expect(second.headers['content-type']).toBe(first.headers['content-type']);
    expect((await app.get('/me', as('eve'))).headers['cache-control']).toBe('no-store');
    expect((await app.get('/tagged')).headers['cache-control']).toBe('public, no-cache');
  });

  it('have one entry for each URL, host and value of the headers in vary', async () => {
    const german = { headers: { 'accept-language': 'de' } };
    const answers = [
      await app.get('/list?b'),
      await app.get('/list?c'),
      await app.get('/list?b', german),
      await app.get('/list?b', { headers: { host: 'other.example' } }),
    ];
    expect(new Set(answers.map(({ body }) => body.load)).size).toBe(4);
  });

  it('answer HEAD from the entry of GET, without a body', async () => {
    const { headers } = await app.get('/list?head');
    const head = await app.send('HEAD', '/list?head');
    expect(head.headers['cache-status']).toBe('bulwark; hit');
    expect(head.headers['content-length']).toBe(headers['content-length']);
    expect(head.text).toBe('');
  });

  it('answer 304 to a client that has the response, without calling the handler', async () => {
    const first = await app.get('/with-etag');
    const before = loads;
    const again = await app.get('/with-etag', { headers: { 'if-none-match': String(first.headers['etag']) } });
    expect(again).toMatchObject({ status: 304, text: '' });
    expect(again.headers).toMatchObject({ etag: first.headers['etag'], 'cache-status': 'bulwark; hit' });
    expect((await app.get('/with-etag', { headers: { 'if-none-match': '"other"' } })).body).toEqual(first.body);
    expect(loads).toBe(before);
  });

  it('load once for many concurrent requests', async () => {
    const before = loads;
    const answers = await Promise.all(Array.from({ length: 100 }, () => app.get('/list?many')));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(loads).toBe(before + 1);
  });

  it('are loaded again after an invalidation', async () => {
    const { body } = await app.get('/tagged');
    expect((await app.get('/tagged')).body).toEqual(body);
    await app.post('/tagged');
    expect((await app.get('/tagged')).body).not.toEqual(body);
  });

  it('keep the headers that the handler set', async () => {
    await app.get('/headers');
    const hit = await app.get('/headers');
    expect(hit.headers).toMatchObject({ 'x-total': '7', 'cache-status': 'bulwark; hit' });
  });

  it.each(['/rich', '/dated', '/scalar', '/wrapped', '/around/wrapped'])(
    'repeat a response byte by byte: %s',
    async (path) => {
      const first = await app.get(path);
      const hit = await app.get(path);
      const { 'cache-status': miss, date: _then, 'x-request-id': firstId, ...headers } = first.headers;
      const { 'cache-status': status, age: _age, date: _now, 'x-request-id': hitId, ...repeated } = hit.headers;
      // Each request has its own id, also if its response comes from the cache.
      expect(hitId).not.toBe(firstId);
      expect([miss, status]).toEqual(['bulwark; fwd=miss', 'bulwark; hit']);
      expect({ status: hit.status, text: hit.text, headers: repeated }).toEqual({
        status: first.status,
        text: first.text,
        headers,
      });
    },
  );

  it.each([
    ['set cookies', 'GET', '/cookie'],
    ['are errors', 'GET', '/missing'],
    ['use other methods', 'POST', '/written'],
    ['are not marked', 'GET', '/plain'],
  ])('are not cached if they %s', async (_what, method, path) => {
    const before = loads;
    await app.send(method, path);
    await app.send(method, path);
    expect(loads).toBe(before + 2);
  });

  it('count calls by outcome', async () => {
    await app.get('/list?counted');
    await app.get('/list?counted');
    const { counts } = app.metrics;
    expect(counts.get('cache_lookups_total CachedController.list miss')).toBeGreaterThan(0);
    expect(counts.get('cache_lookups_total CachedController.list hit_memory')).toBeGreaterThan(0);
  });

  it('work beside the interceptor of @nestjs/cache-manager, which uses the same stores', async () => {
    const { body } = await app.get('/stock');
    expect((await app.get('/stock')).body).toEqual(body);
    const manager = app.app.get<Cache>(CACHE_MANAGER);
    await manager.set('a', { b: 1 });
    expect(await manager.get('a')).toEqual({ b: 1 });
  });

  it.each([
    ['a date', new Date()],
    ['an instance', new Product('tea')],
    ['a big integer', 5n],
    ['a map', new Map([[1, 2]])],
  ])('give %s back from CACHE_MANAGER as it was stored, because there is no Redis', async (name, value) => {
    const manager = app.app.get<Cache>(CACHE_MANAGER);
    await manager.set(name, value);
    expect(await manager.get(name)).toBe(value);
  });

  describe('methods', () => {
    const context = (id?: string) =>
      new RequestContext(undefined, {
        headers: {},
        ...(id && { user: { id, roles: [], email: '', sessionId: '' } }),
      } as unknown as AdapterRequest);
    const report = (id: number, user?: string) => runWithContext(context(user), () => app.app.get(Reports).report(id));

    it('are cached for each user and all arguments', async () => {
      const first = await report(1, 'ada');
      expect(await report(1, 'ada')).toEqual(first);
      expect(await report(2, 'ada')).not.toEqual(first);
      expect(await report(1, 'bob')).not.toEqual(first);
      await app.app.get(CacheService).invalidate('report:1');
      expect(await report(1, 'ada')).not.toEqual(first);
    });

    it('are not cached if the caller is not known', async () => {
      const reports = app.app.get(Reports);
      expect(await reports.report(3)).not.toEqual(await reports.report(3));
    });

    it('work in an object that Nest did not create', async () => {
      expect(await new Reports().report(4)).toMatchObject({ id: 4 });
    });
  });
});

/** Ways in which an application can change the JSON that it sends. */
const writers: Record<string, (app: INestApplication) => void> = {
  'a hook of Fastify before it writes JSON': (app) =>
    app
      .getHttpAdapter()
      .getInstance()
      .addHook('preSerialization', async (_: object, _reply: object, value: object) => ({
        written: value,
      })),
  'a serializer of Fastify': (app) =>
    app
      .getHttpAdapter()
      .getInstance()
      .setReplySerializer((value: object) => JSON.stringify({ written: value })),
  'an interceptor of the application': (app) => app.useGlobalInterceptors(new Wrapping()),
};

describe.each([
  ['fastify', 'a hook of Fastify before it writes JSON'],
  ['fastify', 'a serializer of Fastify'],
  ['fastify', 'an interceptor of the application'],
  ['express', 'an interceptor of the application'],
] as const)('cached routes on %s with %s', (adapter, writer) => {
  it('send the changed JSON, also on a cache hit', async () => {
    const imports = [GuardChainModule, CacheModule.forRoot({ redis: false }), CachedModule];
    const app = await ThrottledApp.start(adapter, { imports }, writers[writer]);
    const first = await app.get('/list');
    const hit = await app.get('/list');
    expect(first.text).toMatch(/^{"(written|wrapped)":{"load":/);
    expect(hit.headers['cache-status']).toBe('bulwark; hit');
    expect(hit.text).toBe(first.text);
    await app.stop();
  });
});
