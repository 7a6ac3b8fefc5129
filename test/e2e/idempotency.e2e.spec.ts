import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Body, Controller, HttpCode, HttpException, Module, Post, Res, StreamableFile } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { GuardChainModule, Public } from '../../src/guards/index.js';
import { ProblemException } from '../../src/problem/index.js';
import { HealthModule } from '../../src/health/index.js';
import {
  currentOperationId,
  Idempotent,
  IdempotencyModule,
  MemoryIdempotencyStore,
  OperationId,
  type IdempotencyStore,
} from '../../src/idempotency/index.js';
import { RedisModule } from '../../src/redis/index.js';
import type { Answer } from '../support/client.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { ThrottledApp } from '../support/throttled-app.js';
import { until } from '../support/until.js';

let done = 0;
/** Opens the gate. Requests with `gated` wait until it is open. */
let open: () => void = () => undefined;
let gate: Promise<void> = Promise.resolve();
const closeGate = () => {
  gate = new Promise((resolve) => (open = resolve));
};
const KEY = 'Idempotency-Key';
let operations: { id: string | undefined; current: string | undefined }[] = [];

@Controller()
@Public()
class OrdersController {
  @Post('orders')
  @Idempotent()
  async order(@Body() { gated }: { gated?: boolean }, @Res({ passthrough: true }) response: HeaderSetter) {
    if (gated) await gate;
    response.header('Location', `/orders/${++done}`);
    response.header('X-Private', 'not kept');
    return { order: done, text: 'ä'.repeat(2_000) };
  }

  @Post('payments')
  @HttpCode(202)
  @Idempotent({ required: true })
  pay() {
    return { paid: ++done };
  }

  @Post('nothing')
  @HttpCode(204)
  @Idempotent()
  nothing(): void {
    done++;
  }

  @Post('file')
  @Idempotent()
  file() {
    done++;
    return new StreamableFile(Buffer.from([0xff, 0x00, 0xfe]));
  }

  @Post('large')
  @Idempotent()
  large() {
    done++;
    return { text: 'x'.repeat(5_000) };
  }

  /** Fails the first time, after the point at which a transaction would have committed. */
  @Post('operations')
  @Idempotent()
  async operation(@OperationId() id: string | undefined, @Body() { fails }: { fails?: boolean }) {
    await sleep(1);
    operations.push({ id, current: currentOperationId() });
    if (fails && operations.length === 1) throw new HttpException('no', 500);
    return { id };
  }

  @Post('fails/:status')
  @Idempotent()
  fail(@Body() { status }: { status: number }) {
    done++;
    if (status === 409) throw new ProblemException('CONFLICT', 'It is taken.');
    throw new HttpException('no', status);
  }
}

interface HeaderSetter {
  header(name: string, value: string): void;
}

@Module({ controllers: [OrdersController] })
class OrdersModule {}

onBothAdapters('a request with an idempotency key', (adapter) => {
  let app: ThrottledApp;
  let store: MemoryIdempotencyStore;
  beforeAll(async () => {
    store = new MemoryIdempotencyStore();
    const idempotency = IdempotencyModule.forRoot({ store, waitMs: 20_000, maxBodyBytes: 4_500 });
    app = await ThrottledApp.start(adapter, { imports: [GuardChainModule, idempotency, OrdersModule] });
  });
  afterAll(() => app.stop());

  const send = (path: string, key: string | undefined, body: unknown = {}, user = 'ada') =>
    app.post(path, body, { headers: { 'x-user': user, ...(key !== undefined && { [KEY]: key }) } });

  it('runs once and is answered twice with the same response', async () => {
    const key = randomUUID();
    const before = done;
    const first = await send('/orders', key);
    const again = await send('/orders', `"${key}"`);
    expect(done).toBe(before + 1);
    expect(first.status).toBe(201);
    expect(first.headers).not.toHaveProperty('idempotent-replayed');
    expect(again).toMatchObject({ status: 201, text: first.text });
    expect(again.headers).toMatchObject({
      'idempotent-replayed': 'true',
      location: first.headers['location'],
      'content-type': first.headers['content-type'],
    });
    expect(again.headers).not.toHaveProperty('x-private');
  });

  it('runs each time if it has no key', async () => {
    const before = done;
    await send('/orders', undefined);
    await send('/orders', undefined);
    expect(done).toBe(before + 2);
  });

  it('is refused if the body differs', async () => {
    const key = randomUUID();
    await send('/orders', key, { a: 1 });
    expect(await send('/orders', key, { a: 2 })).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    });
  });

  it('is independent of another user and of another route', async () => {
    const key = randomUUID();
    const before = done;
    await send('/orders', key);
    await send('/orders', key, {}, 'bob');
    await send('/payments', key);
    expect(done).toBe(before + 3);
  });

  it('is refused with an invalid key, and without a key if the route requires one', async () => {
    expect(await send('/payments', undefined)).toMatchObject({
      status: 400,
      body: { code: 'IDEMPOTENCY_KEY_MISSING' },
    });
    for (const key of ['two words', '"', 'a,b', 'x'.repeat(256), 'ä', '']) {
      expect(await send('/payments', key)).toMatchObject({ status: 400, body: { code: 'IDEMPOTENCY_KEY_INVALID' } });
    }
    expect((await send('/payments', 'x'.repeat(255))).status).toBe(202);
  });

  it('replays answers without a body and answers that are not text', async () => {
    const [empty, file] = [randomUUID(), randomUUID()];
    expect((await send('/nothing', empty)).status).toBe(204);
    expect(await send('/nothing', empty)).toMatchObject({ status: 204, text: '' });
    const { bytes } = await send('/file', file);
    expect((await send('/file', file)).bytes).toEqual(bytes);
  });

  it('does not run again if its answer was too long to store', async () => {
    const key = randomUUID();
    const before = done;
    expect((await send('/large', key)).status).toBe(201);
    expect((await send('/large', key)).status).toBe(409);
    expect(done).toBe(before + 1);
  });

  it('replays a final refusal, and runs again after a temporary one', async () => {
    const final = randomUUID();
    const first = await send('/fails/x', final, { status: 409 });
    const again = await send('/fails/x', final, { status: 409 });
    expect(again).toMatchObject({ status: 409, text: first.text });
    for (const status of [500, 503, 429, 400]) {
      const key = randomUUID();
      const before = done;
      await send('/fails/x', key, { status });
      await send('/fails/x', key, { status });
      expect(done).toBe(before + 2);
    }
  });

  it('waits for the same request that is running', async () => {
    const key = randomUUID();
    const before = done;
    closeGate();
    const both = [send('/orders', key, { gated: true }), send('/orders', key, { gated: true })];
    await sleep(100);
    open();
    const [first, waited] = await Promise.all(both);
    expect(waited?.text).toBe(first?.text);
    expect(done).toBe(before + 1);
  });

  it('runs once if its client disconnects and sends it again', async () => {
    const key = randomUUID();
    const before = done;
    const body = { gated: true };
    closeGate();
    const begun = () => app.metrics.counts.get('idempotency_requests_total started') ?? 0;
    const others = begun();
    const client = new AbortController();
    const gone = fetch(`${app.baseUrl}/orders`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'Content-Type': 'application/json', 'x-user': 'ada', [KEY]: key },
      signal: client.signal,
    }).catch(() => 'gone');
    await until('the request runs', () => begun() > others);
    client.abort();
    expect(await gone).toBe('gone');
    open();
    await until('the handler has finished', () => done === before + 1);
    await until('the answer is stored', async () => (await send('/orders', key, body)).status === 201);
    expect(done).toBe(before + 1);
  });

  it('has an operation id, and a repetition has the same id', async () => {
    const key = randomUUID();
    operations = [];
    expect((await send('/operations', key, { fails: true })).status).toBe(500);
    expect((await send('/operations', key, { fails: true })).status).toBe(201);
    await send('/operations', randomUUID(), { fails: true });
    await send('/operations', key, { fails: true }, 'bob');
    await send('/operations', undefined);
    const [first, again, otherKey, otherCaller, none] = operations;
    expect(first?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(again).toEqual(first);
    expect(new Set([first, otherKey, otherCaller].map((operation) => operation?.id)).size).toBe(3);
    expect(none).toEqual({ id: undefined, current: undefined });
    for (const { id, current } of operations) expect(current).toBe(id);
  });

  it.each(['Cookie', 'Authorization', 'X-Api-Key'])(
    'does not give its answer to another caller of the same address, identified by %s',
    async (carrier) => {
      const key = randomUUID();
      const before = done;
      const as = (name: string) => app.post('/orders', {}, { headers: { [KEY]: key, [carrier]: name } });
      const alice = await as('alice');
      expect(await as('bob')).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED' } });
      expect((await as('alice')).text).toBe(alice.text);
      expect(done).toBe(before + 1);
    },
  );

  it('is counted', () => {
    expect(app.metrics.counts.get('idempotency_requests_total replayed')).toBeGreaterThan(0);
  });
});

onBothAdapters('the memory for idempotency keys', (adapter) => {
  it('has a limit: it refuses new keys, keeps stored answers, and reports it in health', async () => {
    const memory = { maxEntries: 8, maxCallerShare: 0.5 };
    const imports = [GuardChainModule, HealthModule.forRoot({}), IdempotencyModule.forRoot({ memory }), OrdersModule];
    const app = await ThrottledApp.start(adapter, { imports });
    const send = (user: string, key: string) => app.post('/orders', {}, { headers: { 'x-user': user, [KEY]: key } });
    const before = done;
    const first = await send('mallory', 'key-0');
    for (let i = 1; i < 4; i++) expect((await send('mallory', `key-${i}`)).status).toBe(201);
    const refused = await send('mallory', 'key-4');
    expect(refused).toMatchObject({ status: 503, body: { code: 'IDEMPOTENCY_UNAVAILABLE' } });
    expect(refused.headers['retry-after']).toBe('60');
    expect(done).toBe(before + 4);

    expect((await send('ada', 'key-0')).status).toBe(201);
    for (let i = 1; i < 4; i++) expect((await send('ada', `key-${i}`)).status).toBe(201);
    expect((await send('bob', 'key-0')).status).toBe(503);
    expect((await send('mallory', 'key-0')).text).toBe(first.text);
    expect((await app.post('/orders', {})).status).toBe(201);

    expect(app.metrics.counts.get('idempotency_requests_total full')).toBe(2);
    expect(await app.metrics.read.get('idempotency_memory_entries')?.()).toBe(8);
    expect(await app.metrics.read.get('idempotency_memory_bytes')?.()).toBeGreaterThan(8 * 2_000);
    const health = (await app.get('/health')).body;
    expect(health).toMatchObject({ status: 'degraded' });
    await app.stop();
  });
});

describe('a request that arrives while the same request is running', () => {
  it('is refused with Retry-After if the wait would be long', async () => {
    const imports = [GuardChainModule, IdempotencyModule.forRoot({ waitMs: 1 }), OrdersModule];
    const app = await ThrottledApp.start('express', { imports });
    const send = () => app.post('/orders', { gated: true }, { headers: { [KEY]: 'a' } });
    closeGate();
    const running = send();
    await until('the request runs', () => (app.metrics.counts.get('idempotency_requests_total started') ?? 0) > 0);
    const refused = await send();
    expect(refused).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_IN_PROGRESS' } });
    expect(refused.headers['retry-after']).toBe('1');
    open();
    expect((await running).status).toBe(201);
    expect((await send()).text).toBe((await running).text);
    await app.stop();
  });
});

describe('a store that fails', () => {
  const broken: IdempotencyStore = {
    begin: () => Promise.reject(new Error('away')),
    complete: () => Promise.reject(new Error('away')),
    extend: () => Promise.reject(new Error('away')),
    release: () => Promise.reject(new Error('away')),
  };

  it('refuses requests with a key, and does not affect requests without a key', async () => {
    const imports = [GuardChainModule, IdempotencyModule.forRoot({ store: broken }), OrdersModule];
    const app = await ThrottledApp.start('fastify', { imports });
    const before = done;
    const refused = await app.post('/orders', {}, { headers: { [KEY]: 'a' } });
    expect(refused).toMatchObject({ status: 503, body: { code: 'IDEMPOTENCY_UNAVAILABLE' } });
    expect(refused.headers['retry-after']).toBe('5');
    expect((await app.post('/orders', {})).status).toBe(201);
    expect(done).toBe(before + 1);
    await app.stop();
  });

  it('does not fail a request whose handler has already run', async () => {
    const store = new MemoryIdempotencyStore();
    store.complete = () => Promise.reject(new Error('away'));
    const app = await ThrottledApp.start('express', {
      imports: [GuardChainModule, IdempotencyModule.forRoot({ store }), OrdersModule],
    });
    expect((await app.post('/orders', {}, { headers: { [KEY]: 'a' } })).status).toBe(201);
    await app.stop();
  });
});

describe('an application without IdempotencyModule', () => {
  it('refuses requests that need idempotency', async () => {
    const app = await ThrottledApp.start('fastify', { imports: [GuardChainModule, OrdersModule] });
    const before = done;
    const refusal = { status: 503, body: { code: 'IDEMPOTENCY_UNAVAILABLE' } };
    expect(await app.post('/orders', {}, { headers: { [KEY]: 'a' } })).toMatchObject(refusal);
    expect(await app.post('/payments', {})).toMatchObject(refusal);
    expect(done).toBe(before);
    expect((await app.post('/orders', {})).status).toBe(201);
    await app.stop();
  });
});

describe('two hundred duplicates at the same time', () => {
  it('on two replicas of the application with one PostgreSQL run once', async () => {
    const replicas: TestApp[] = [];
    for (const adapter of ['fastify', 'express']) {
      replicas.push(await TestApp.start({ HTTP_ADAPTER: adapter }, { imports: [OrdersModule] }));
    }
    const before = done;
    const headers = { [KEY]: randomUUID() };
    const send = async (replica: TestApp): Promise<Answer> => {
      const answer = await replica.post('/v1/orders', { gated: true }, { headers });
      // On a busy machine the first request takes longer than the others wait, so the others are sent again.
      return answer.body.code === 'IDEMPOTENCY_IN_PROGRESS' ? send(replica) : answer;
    };
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => send(replicas[i % 2] as TestApp)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(done).toBe(before + 1);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    await Promise.all(replicas.map((replica) => replica.stop()));
  });

  it('on two replicas with one Redis run once', async () => {
    const imports = () => [
      GuardChainModule,
      RedisModule.forRoot({ url: inject('redisUrl'), commandTimeoutMs: 2_000 }),
      IdempotencyModule.forRoot({ waitMs: 20_000 }),
      OrdersModule,
    ];
    const replicas = await Promise.all([
      ThrottledApp.start('fastify', { imports: imports() }),
      ThrottledApp.start('express', { imports: imports() }),
    ]);
    const before = done;
    const headers = { [KEY]: randomUUID() };
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        (replicas[i % 2] as ThrottledApp).post('/orders', { gated: true }, { headers }),
      ),
    );
    expect(done).toBe(before + 1);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    await Promise.all(replicas.map((replica) => replica.stop()));
  });
});
