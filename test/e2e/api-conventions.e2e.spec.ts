import { randomUUID } from 'node:crypto';
import { Controller, Get, Module, Param, Put, Query, Req, VersioningType } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuardChainModule, Public } from '../../src/guards/index.js';
import { uuidv7 } from '../../src/common/index.js';
import type { AdapterRequest } from '../../src/context/index.js';
import {
  ConventionsModule,
  CursorCodec,
  Deprecated,
  Envelope,
  ETag,
  readKeysetPage,
  NoEnvelope,
  Paginated,
  createPageQuerySchema,
  requireMatch,
  strongEtag,
  type ListPage,
} from '../../src/conventions/index.js';
import type { SchemaOutput } from '../../src/security/index.js';
import { User } from '../../src/users/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import '../support/problem.js';
import { ThrottledApp } from '../support/throttled-app.js';

let version = 1;
const thing = () => ({ name: 'thing', version, text: 'x'.repeat(3_000) });
const userQuery = createPageQuerySchema({ defaultLimit: 2, maxLimit: 50 });

@Controller()
@Public()
class ConventionsController {
  @Get('weak')
  @ETag()
  weak() {
    return thing();
  }

  @Get('strong')
  @ETag({ version: ({ version: v }) => v })
  strong() {
    return thing();
  }

  @Put('strong')
  change(@Req() request: AdapterRequest) {
    requireMatch(request, strongEtag(version));
    return { version: ++version };
  }

  @Get('old')
  @Deprecated({ since: '2026-01-01', sunset: '2999-01-01', link: 'https://example.com/new' })
  old() {
    return { ok: true };
  }

  @Get('retired')
  @Deprecated({ since: '2020-01-01', sunset: '2021-01-01', afterSunset: 'gone' })
  retired() {
    return { ok: true };
  }

  @Get('enveloped')
  @Envelope()
  enveloped() {
    return { a: 1 };
  }

  @Get('page')
  @Paginated()
  @Envelope()
  page(): ListPage<number> {
    return { items: [1, 2], next: 'n', prev: null };
  }
}

@Controller({ path: 'users-by-page', version: ['1', '2'] })
@Public()
class PagedUsersController {
  constructor(
    private readonly source: DataSource,
    private readonly codec: CursorCodec,
  ) {}

  @Get(':name')
  @Paginated()
  @Deprecated({ since: '2026-01-01', versions: ['1'] })
  async users(
    @Param('name') name: string,
    @Query({ schema: userQuery }) { limit, cursor }: SchemaOutput<typeof userQuery>,
  ): Promise<ListPage<string>> {
    const query = this.source.getRepository(User).createQueryBuilder('user').where('user.name = :name', { name });
    const { items, next, prev } = await readKeysetPage(query, {
      codec: this.codec,
      list: `users ${name}`,
      limit,
      cursor,
      columns: [
        { sql: 'user.email', value: ({ email }) => email, order: 'DESC' },
        { sql: 'user.id', value: ({ id }) => id },
      ],
    });
    return { items: items.map(({ email }) => email), next, prev };
  }
}

@Module({ controllers: [ConventionsController] })
class SmallModule {}

@Module({ controllers: [PagedUsersController, ConventionsController] })
class PagedModule {}

onBothAdapters('entity tags', (adapter) => {
  let app: TestApp;
  beforeAll(async () => (app = await TestApp.start({ HTTP_ADAPTER: adapter }, { imports: [PagedModule] })));
  afterAll(() => app.stop());

  it('let the server answer 304 to a client that has the current response', async () => {
    const first = await app.get('/v1/weak');
    const etag = String(first.headers['etag']);
    expect(etag).toMatch(/^W\/"[\w-]+"$/);
    for (const header of [etag, `"other", ${etag}`, etag.replace('W/', ''), '*']) {
      const again = await app.get('/v1/weak', { headers: { 'If-None-Match': header } });
      expect(again).toMatchObject({ status: 304, text: '' });
      expect(again.headers['etag']).toBe(etag);
    }
    const head = await app.send('HEAD', '/v1/weak', { headers: { 'If-None-Match': etag } });
    expect(head).toMatchObject({ status: 304, text: '' });
    const other = await app.get('/v1/weak', { headers: { 'If-None-Match': 'W/"other"' } });
    expect(other).toMatchObject({ status: 200, text: first.text });
  });

  it('change with the content, and strong tags disable compression', async () => {
    const { headers } = await app.get('/v1/weak');
    const strong = await app.get('/v1/strong', { headers: { 'Accept-Encoding': 'gzip, br' } });
    expect(strong.headers['etag']).toBe(`"${version}"`);
    expect(strong.headers).not.toHaveProperty('content-encoding');
    version++;
    expect((await app.get('/v1/weak')).headers['etag']).not.toBe(headers['etag']);
  });

  it('prevent a write that is based on an old version', async () => {
    const send = (header?: string) =>
      app.send('PUT', '/v1/strong', { headers: header === undefined ? {} : { 'If-Match': header } });
    const read = String((await app.get('/v1/strong')).headers['etag']);
    expect(await send()).toBeProblem({ status: 428, code: 'PRECONDITION_REQUIRED' });
    expect(await send(`W/${read}`)).toBeProblem({ status: 412, code: 'PRECONDITION_FAILED' });
    expect((await send(read)).status).toBe(200);
    const late = await send(read);
    expect(late).toBeProblem({ status: 412, code: 'PRECONDITION_FAILED' });
    expect(late.headers['etag']).toBe(`"${version}"`);
    expect((await send('*')).status).toBe(200);
  });

  it('are absent from routes without @ETag()', async () => {
    expect((await app.get('/v1/old')).headers).not.toHaveProperty('etag');
  });
});

onBothAdapters('a deprecated route', (adapter) => {
  let app: ThrottledApp;
  beforeAll(async () => (app = await ThrottledApp.start(adapter, { imports: [GuardChainModule, SmallModule] })));
  afterAll(() => app.stop());

  it('sends the deprecation date, the sunset date and a link', async () => {
    const { status, headers } = await app.get('/old');
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      deprecation: `@${Date.UTC(2026, 0, 1) / 1_000}`,
      sunset: 'Tue, 01 Jan 2999 00:00:00 GMT',
      link: '<https://example.com/new>; rel="deprecation", <https://example.com/new>; rel="sunset"',
    });
    expect(app.metrics.counts.get('http_deprecated_requests_total GET /old')).toBeGreaterThan(0);
  });

  it('can answer 410 after the sunset date', async () => {
    const retired = await app.get('/retired');
    expect(retired).toMatchObject({ status: 410, body: { code: 'GONE' } });
    expect(retired.headers['deprecation']).toMatch(/^@\d+$/);
  });

  it('refuses an invalid date and a sunset before the deprecation', () => {
    expect(() => Deprecated({ since: 'soon' })).toThrow('not a valid date');
    expect(() => Deprecated({ since: '2026-01-02', sunset: '2026-01-01' })).toThrow('earlier');
  });
});

describe('a deprecated version of a route', () => {
  it('does not deprecate other versions, and OpenAPI marks fully deprecated routes', async () => {
    const app = await TestApp.start({}, { imports: [PagedModule] });
    expect((await app.get('/v1/users-by-page/x')).headers).toHaveProperty('deprecation');
    expect((await app.get('/v2/users-by-page/x')).headers).not.toHaveProperty('deprecation');
    const { paths } = (await app.get('/docs/openapi.json')).body;
    expect(paths['/v1/old'].get.deprecated).toBe(true);
    expect(paths['/v1/weak'].get).not.toHaveProperty('deprecated');
    await app.stop();
  });

  it.each([
    [
      'a header',
      { type: VersioningType.HEADER, header: 'X-Version' } as const,
      { 'X-Version': '1' },
      { 'X-Version': '2' },
    ],
    [
      'the media type',
      { type: VersioningType.MEDIA_TYPE, key: 'v=' } as const,
      { Accept: 'application/json;v=1' },
      { Accept: 'application/json;v=2' },
    ],
  ])('is selected by %s', async (_what, versioning, old, current) => {
    @Controller({ path: 'versioned', version: ['1', '2'] })
    class VersionedController {
      @Get()
      @Deprecated({ since: '2026-01-01', versions: ['1'] })
      read() {
        return { ok: true };
      }
    }
    const { NestFactory } = await import('@nestjs/core');
    @Module({ controllers: [VersionedController] })
    class VersionedModule {}
    const app = await NestFactory.create(VersionedModule, { logger: false });
    app.enableVersioning(versioning);
    await app.listen(0, '127.0.0.1');
    const headersOf = async (headers: Record<string, string>) =>
      (await fetch(`${await app.getUrl()}/versioned`, { headers })).headers;
    expect((await headersOf(old)).has('deprecation')).toBe(true);
    expect((await headersOf(current)).has('deprecation')).toBe(false);
    await app.close();
  });
});

onBothAdapters('an envelope', (adapter) => {
  it('wraps the results of routes with @Envelope()', async () => {
    const app = await ThrottledApp.start(adapter, { imports: [GuardChainModule, SmallModule] });
    expect((await app.get('/enveloped')).body).toEqual({ data: { a: 1 }, meta: { requestId: expect.any(String) } });
    const page = await app.get('/page?limit=2');
    expect(page.body).toMatchObject({ data: [1, 2], meta: { next: 'n', prev: null } });
    await app.stop();
  });

  it('wraps every result except @NoEnvelope() and errors, if the module option is on', async () => {
    @Controller()
    class AllController {
      @Get('one')
      one() {
        return [1];
      }
      @Get('bare')
      @NoEnvelope()
      bare() {
        return [1];
      }
    }
    const app = await ThrottledApp.start(adapter, {
      imports: [GuardChainModule, ConventionsModule.forRoot({ envelope: true })],
      controllers: [AllController],
    });
    expect((await app.get('/one')).body.data).toEqual([1]);
    expect((await app.get('/bare')).body).toEqual([1]);
    expect((await app.get('/none')).body).toMatchObject({ code: 'NOT_FOUND' });
    await app.stop();
  });
});

describe('pages', () => {
  let app: TestApp;
  const name = `paged ${randomUUID()}`;
  const path = `/v2/users-by-page/${encodeURIComponent(name)}`;
  const add = (letter: string) =>
    app.sql('INSERT INTO users (id, email, name, password_hash, roles) VALUES ($1, $2, $3, $4, $5)', [
      uuidv7(),
      `${letter}-${name.replaceAll(' ', '-')}@example.com`,
      name,
      'x',
      [],
    ]);
  const letters = ({ items }: { items: string[] }) => items.map((email) => email[0]).join('');
  const get = async (cursor?: string | null) =>
    (await app.get(cursor ? `${path}?cursor=${encodeURIComponent(cursor)}` : path)).body;

  beforeAll(async () => {
    app = await TestApp.start({}, { imports: [PagedModule] });
    for (const letter of 'abcdefg') await add(letter);
  });
  afterAll(() => app.stop());

  it('can be read forwards and backwards while rows are added', async () => {
    const first = await get();
    expect(letters(first)).toBe('gf');
    expect(first.prev).toBeNull();
    await add('h');
    const second = await get(first.next);
    expect(letters(second)).toBe('ed');
    const third = await get(second.next);
    const last = await get(third.next);
    expect([letters(third), letters(last), last.next]).toEqual(['cb', 'a', null]);
    const back = await get(third.prev);
    expect(letters(back)).toBe('ed');
    expect(letters(await get(back.prev))).toBe('gf');
    const top = await get((await get(back.prev)).prev);
    expect([letters(top), top.prev]).toEqual(['h', null]);
  });

  it('link to the next and the previous page in the Link header', async () => {
    const first = await app.get(`${path}?limit=3`);
    const [, url = ''] = /^<([^>]+)>; rel="next"$/.exec(String(first.headers['link'])) ?? [];
    const second = await app.get(url);
    expect(second.body.items).toHaveLength(3);
    expect(second.headers['link']).toMatch(/rel="next", <[^>]+>; rel="prev"$/);
  });

  it('refuse a cursor that is invented, changed or from another list', async () => {
    const { next } = await get();
    const changed = `${next.slice(0, -2)}${next.endsWith('AA') ? 'BB' : 'AA'}`;
    const refused = { status: 400, code: 'CURSOR_INVALID' };
    for (const cursor of [changed, 'x', Buffer.from('["1","next","a"]').toString('base64url'), 'A'.repeat(2_048)]) {
      expect(await app.get(`${path}?cursor=${cursor}`)).toBeProblem(refused);
    }
    expect(await app.get(`/v2/users-by-page/other?cursor=${next}`)).toBeProblem(refused);
    for (const query of ['limit=0', 'limit=51', 'limit=x', 'cursor=', 'page=2']) {
      expect(await app.get(`${path}?${query}`)).toBeProblem({ status: 400, code: 'VALIDATION_FAILED' });
    }
  });
});
