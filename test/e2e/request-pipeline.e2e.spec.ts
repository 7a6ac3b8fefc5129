import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Body, Controller, Get, Inject, Injectable, Logger, Module, Param, Post, Scope } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { currentContext, RequestContext, runWithContext } from '../../src/context/index.js';
import { Public } from '../../src/guards/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import '../support/problem.js';
import { sendBytes } from '../support/socket.js';
import { until } from '../support/until.js';

const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

/** Blocks a slow request until the test releases it. */
@Injectable()
class Gate {
  entered = 0;
  private opened: () => void = () => undefined;
  private readonly open = new Promise<void>((resolve) => (this.opened = resolve));

  letGo(): void {
    this.opened();
  }

  pass(): Promise<void> {
    this.entered++;
    return this.open;
  }
}

@Injectable({ scope: Scope.DEFAULT })
class Work {
  private readonly logger = new Logger('Work');

  async do(what: string): Promise<string> {
    await new Promise(setImmediate);
    await sleep(1);
    this.logger.log({ what, msg: 'working' });
    return currentContext()?.requestId ?? 'none';
  }
}

@Controller('work')
@Public()
class WorkController {
  private readonly logger = new Logger('Work');

  constructor(
    @Inject(Work) private readonly work: Work,
    @Inject(Gate) private readonly gate: Gate,
  ) {}

  @Get('items/:id')
  async item(@Param('id') id: string): Promise<{ seen: string }> {
    return { seen: await this.work.do(id) };
  }

  @Post('items')
  async add(@Body() body: { id: string }): Promise<{ seen: string }> {
    return { seen: await this.work.do(body.id) };
  }

  /** Answers before its work is finished. */
  @Post('timers')
  timers(): void {
    setTimeout(() => this.logger.log({ msg: 'a timer' }), 1);
  }

  @Get('slow')
  async slow(): Promise<void> {
    await this.gate.pass();
  }

  @Get('failing')
  failing(): never {
    throw new Error('failed');
  }
}

@Module({ controllers: [WorkController], providers: [Work, Gate] })
class WorkModule {}

onBothAdapters('the request pipeline', (adapter) => {
  let app: TestApp;
  beforeAll(async () => (app = await TestApp.start({ HTTP_ADAPTER: adapter }, { imports: [WorkModule] })));
  afterAll(() => app.stop());

  const linesOf = (requestId: unknown, msg: string) =>
    app.logs.filter((line) => line.requestId === requestId && line.msg === msg);
  const accessLine = async (requestId: unknown) => {
    await until(`request ${String(requestId)} has its access line`, () => linesOf(requestId, 'request').length > 0);
    const lines = linesOf(requestId, 'request');
    expect(lines).toHaveLength(1);
    return lines[0] ?? { level: '', msg: '' };
  };
  const get = (path: string, headers: Record<string, string | string[]> = {}) => app.get(path, { headers });

  describe('request id', () => {
    it.each(['abcdefgh', 'A.b_c-9876', 'x'.repeat(64), '0f8fad5b-d9cb-469f-a165-70867728950e'])(
      'of the client is kept if it is safe: %s',
      async (id) => {
        const answer = await get('/no/such/route', { 'X-Request-Id': id });
        expect(answer.headers['x-request-id']).toBe(id);
        expect(answer.body.requestId).toBe(id);
        expect(await accessLine(id)).toMatchObject({ path: '/no/such/route' });
      },
    );

    it.each([
      ['too short', 'abc'],
      ['too long', 'x'.repeat(65)],
      ['extremely long', 'x'.repeat(5_000)],
      ['text with spaces', 'id with spaces'],
      ['markup', '<script>alert(1)</script>'],
      ['a template', '${jndi:ldap://evil.example/a}'],
      ['empty', ''],
    ])('of the client is replaced if it is %s', async (_what, id) => {
      const { headers } = await get('/livez', { 'X-Request-Id': id });
      expect(headers['x-request-id']).toMatch(UUID);
    });

    it('is replaced if the client sends two', async () => {
      const { headers } = await get('/livez', { 'X-Request-Id': ['first-one', 'second-one'] });
      expect(headers['x-request-id']).toMatch(UUID);
    });

    it('is different for each request', async () => {
      const ids = await Promise.all(
        Array.from({ length: 50 }, async () => (await get('/livez')).headers['x-request-id']),
      );
      expect(new Set(ids).size).toBe(50);
    });
  });

  describe('context', () => {
    it('follows a request through awaits', async () => {
      const { headers, body } = await get('/v1/work/items/one');
      expect(body.seen).toBe(headers['x-request-id']);
      expect(linesOf(headers['x-request-id'], 'working')).toMatchObject([{ what: 'one', context: 'Work' }]);
    });

    it('follows a request whose body arrives in parts, on a reused connection', async () => {
      const text = JSON.stringify({ id: 'in parts', filler: 'x'.repeat(200_000) });
      for (let i = 0; i < 3; i++) {
        const { headers, body } = await app.post('/v1/work/items', text);
        expect(body.seen).toBe(headers['x-request-id']);
        expect(linesOf(body.seen, 'working')).toHaveLength(1);
      }
    });

    it('follows a request whose body arrives while the server handles other requests', async () => {
      const text = JSON.stringify({ id: 'in between' });
      const outgoing = request(`${app.baseUrl}/v1/work/items`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Content-Length': text.length, 'X-Request-Id': 'in-between-1' },
      });
      const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
      for (const character of text) {
        outgoing.write(character);
        await get('/v1/work/items/other');
      }
      outgoing.end();
      const [response] = await answered;
      response.resume();
      expect(response.headers['x-request-id']).toBe('in-between-1');
      expect(linesOf('in-between-1', 'working')).toMatchObject([{ what: 'in between' }]);
    });

    it('follows a request into timers that run after the answer', async () => {
      const { headers } = await app.post('/v1/work/timers', {});
      await until('the timer has logged', () => app.logs.some(({ msg }) => msg === 'a timer'));
      expect(linesOf(headers['x-request-id'], 'a timer')).toHaveLength(1);
    });

    it('is never shared between concurrent requests', async () => {
      const ids = Array.from({ length: 100 }, (_, i) => `in-flight-${adapter}-${i}`);
      const answers = await Promise.all(
        ids.map((id, i) => {
          const call = { headers: { 'X-Request-Id': id } };
          return i % 2 === 0 ? app.get(`/v1/work/items/${id}`, call) : app.post('/v1/work/items', { id }, call);
        }),
      );
      expect(answers.map(({ body }) => body.seen)).toEqual(ids);
      for (const id of ids) expect(linesOf(id, 'working')).toMatchObject([{ what: id }]);
    });

    it('can be created for a job', () => {
      const logger = new Logger('Job');
      runWithContext(new RequestContext('job-0001'), () => logger.log({ msg: 'in a job' }));
      expect(linesOf('job-0001', 'in a job')).toHaveLength(1);
      expect(currentContext()).toBeUndefined();
    });
  });

  describe('access line', () => {
    it('contains the request, the status, the duration and the user', async () => {
      const visitor = await app.register();
      const { headers } = await app.get('/auth/profile?token=hunter2', { token: visitor.token });
      const line = await accessLine(headers['x-request-id']);
      expect(line).toEqual({
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        requestId: headers['x-request-id'],
        method: 'GET',
        path: '/auth/profile',
        status: 200,
        durationMs: expect.any(Number),
        address: '127.0.0.1',
        userId: visitor.id,
        msg: 'request',
      });
    });

    it.each([
      ['/v1/work/failing', 500, 'error'],
      ['/auth/profile', 401, 'info'],
      ['/no/such/route', 404, 'info'],
      ['/%zz', 400, 'info'],
    ])('of %s has status %i and level %s', async (path, status, level) => {
      const { headers } = await get(path);
      expect(await accessLine(headers['x-request-id'])).toMatchObject({ path, status, level, address: '127.0.0.1' });
    });

    it('is not written for probes and metrics, with any spelling of the path', async () => {
      const paths = [
        '/health',
        '/health/live',
        '/health/ready',
        '/livez',
        '/readyz',
        '/healthz',
        '/metrics',
        '/LIVEZ/',
      ];
      const ids = await Promise.all(paths.map(async (path) => (await get(path)).headers['x-request-id']));
      const last = await get('/no/such/route');
      await accessLine(last.headers['x-request-id']);
      expect(ids.flatMap((id) => linesOf(id, 'request'))).toEqual([]);
    });

    it('is written for a path that only begins like a probe', async () => {
      const { headers } = await get('/health/../admin');
      expect(await accessLine(headers['x-request-id'])).toMatchObject({ path: '/health/../admin' });
    });

    it('has status 499 if the client disconnects before the answer', async () => {
      const gate = app.app.get(Gate);
      const { hostname, port } = new URL(app.baseUrl);
      const before = gate.entered;
      const socket = connect(Number(port), hostname);
      socket.write('GET /v1/work/slow HTTP/1.1\r\nHost: x\r\nX-Request-Id: impatient-one\r\n\r\n');
      await until('the handler runs', () => gate.entered > before);
      socket.destroy();
      await once(socket, 'close');
      expect(await accessLine('impatient-one')).toMatchObject({ status: 499, path: '/v1/work/slow' });
      gate.letGo();
    });

    it('cannot be forged by control characters', async () => {
      const forged = encodeURIComponent('\n{"level":"error","msg":"forged"}\u001b[31m');
      const inPath = await get(`/no/${forged}`);
      const line = await accessLine(inPath.headers['x-request-id']);
      expect(line['path']).toBe(`/no/${forged}`);
      const inTarget = await sendBytes(
        app.baseUrl,
        'GET /a\u001b[31mb HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      );
      expect(inTarget.status).toBe(400);
      const obsFold =
        'GET /livez HTTP/1.1\r\nHost: x\r\nUser-Agent: a\r\n {"msg":"forged"}\r\nConnection: close\r\n\r\n';
      await sendBytes(app.baseUrl, obsFold);
      expect(app.logs.filter(({ msg }) => msg === 'forged')).toEqual([]);
    });

    it('omits the scheme and the host of an absolute request target', async () => {
      const { headers, status } = await sendBytes(
        app.baseUrl,
        'GET http://x.example/auth/profile?a=1 HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\n\r\n',
      );
      expect(status).toBe(401);
      expect(await accessLine(headers['x-request-id'])).toMatchObject({ path: '/auth/profile' });
    });
  });

  describe('metrics', () => {
    const series = async (metric: string) => {
      const { text } = await get('/metrics');
      return text.split('\n').filter((line) => line.startsWith(`${metric}{`) || line.startsWith(`${metric} `));
    };

    it('use the text format of Prometheus', async () => {
      await get('/v1/work/items/1');
      const answer = await get('/metrics');
      expect(answer.status).toBe(200);
      expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
      const lines = answer.text.trimEnd().split('\n');
      const odd = lines.filter(
        (line) =>
          !/^# (?:HELP|TYPE) [a-z_\d]+ .+$/.test(line) &&
          !/^[a-z_\d]+(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)+\})? (?:-?[\d.]+(?:e[+-]?\d+)?|NaN|[+-]Inf)$/.test(line) &&
          line !== '',
      );
      expect(odd).toEqual([]);
      expect(answer.text.endsWith('\n')).toBe(true);
    });

    it('count requests by the route pattern, not by the path', async () => {
      await Promise.all(['a', 'b', 'c'].map((id) => get(`/v1/work/items/${id}`)));
      await get('/v1/work/items/');
      const counts = await series('http_server_request_duration_seconds_count');
      const ofItems = counts.filter((line) => line.includes('/v1/work/items') && line.includes('"GET"'));
      expect(ofItems).toHaveLength(1);
      expect(ofItems[0]).toMatch(/method="GET",route="\/v1\/work\/items\/:id",status="200"/);
    });

    it('get no new series for unknown paths', async () => {
      await get('/made/up/0');
      const before = await series('http_server_request_duration_seconds_count');
      await Promise.all(Array.from({ length: 50 }, (_, i) => get(`/made/up/${i}?q=${i}`)));
      const after = await series('http_server_request_duration_seconds_count');
      expect(after.map((line) => line.replace(/ \d+$/, ''))).toEqual(
        expect.arrayContaining(before.map((line) => line.replace(/ \d+$/, ''))),
      );
      expect(after.join('\n')).not.toContain('made');
      expect(after.some((line) => line.includes('route="unmatched",status="404"'))).toBe(true);
    });
  });
});

onBothAdapters('the metrics page', (adapter) => {
  const TOKEN = 'a token for the scraper, long enough';
  const refused = { status: 401, code: 'METRICS_TOKEN_REQUIRED' };

  it('requires the configured token', async () => {
    const app = await TestApp.start({ HTTP_ADAPTER: adapter, METRICS_TOKEN: TOKEN });
    const scrape = (authorization?: string) =>
      app.get('/metrics', { headers: authorization === undefined ? {} : { Authorization: authorization } });
    try {
      const missing = await scrape();
      expect(missing).toBeProblem(refused);
      expect(missing.headers['www-authenticate']).toBe('Bearer realm="metrics"');
      for (const wrong of [
        'Bearer wrong',
        `Bearer ${TOKEN} `.repeat(2),
        `Bearer ${TOKEN.slice(0, -1)}`,
        TOKEN,
        'Bearer ',
      ]) {
        expect(await scrape(wrong)).toBeProblem(refused);
      }
      const visitor = await app.register();
      expect(await scrape(`Bearer ${visitor.token}`)).toBeProblem(refused);
      expect((await scrape(`Bearer ${TOKEN}`)).status).toBe(200);
      expect(await app.get('/METRICS/')).toBeProblem(refused);
    } finally {
      await app.stop();
    }
  });

  it('refuses every request in production if no token is set', async () => {
    const app = await TestApp.start({
      HTTP_ADAPTER: adapter,
      NODE_ENV: 'production',
      JWT_SECRET: 'q7Vn2x0cZbH5sYtLw8RkEuJ3mPdGfA1oXiNvT6hC4yQ=',
      BCRYPT_COST: '10',
    });
    try {
      expect(await app.get('/metrics')).toBeProblem(refused);
      expect(await app.get('/metrics', { headers: { Authorization: 'Bearer undefined' } })).toBeProblem(refused);
    } finally {
      await app.stop();
    }
  });
});
