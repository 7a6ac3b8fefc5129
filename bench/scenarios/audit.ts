import { mkdtempSync, rmSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { request as httpRequest, Agent } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Controller, Get, Inject, Module, type INestApplication, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Client } from 'pg';
import { DataSource, EntitySchema } from 'typeorm';
import type { MicroScenario, Row, RunOptions } from '../harness/scenario.js';

const EVENTS = 30_000;
const NAIVE_EVENTS = 3_000;
const LANES = 100;
const NAIVE_LANES = 10;
const LATENCY_REQUESTS = 4_000;
const EXPORT_ROWS = 1_000_000;

interface Input {
  action: string;
  outcome: 'success';
  target: string;
  delivery?: string;
  metadata: object;
}
interface Audit {
  record(input: Input): void;
  recordAndWait(input: Input): Promise<void>;
  flush(): Promise<void>;
}
type Class<T> = new (...args: never[]) => T;
interface AuditLibrary {
  AuditModule: { forRoot(options: object): never };
  AuditService: Class<Audit>;
  AuditReader: Class<{ all(filter: object): AsyncGenerator<readonly object[]> }>;
}

/** Loaded by address, because the path from here differs before and after compilation. */
const dist = async <T>(path: string) => (await import(pathToFileURL(resolve('dist', path)).href)) as T;

const eventOf = (i: number, delivery?: string): Input => ({
  action: 'wallet.debit',
  outcome: 'success',
  target: `wallet:${i}`,
  metadata: { amount: 12.5, currency: 'EUR', reference: `order ${i}`, source: { channel: 'web', attempt: 1 } },
  ...(delivery !== undefined && { delivery }),
});

const COPIED = 'id, occurred_at, action, outcome, severity, actor_id, target, targets, address, user_agent, metadata';

function copyLine({ action, outcome, target, metadata }: Input, userAgent: string): string {
  const fields = [randomUUID(), new Date().toISOString(), action, outcome, 'INFO', 'user-1', target, `{${target}}`];
  return `${[...fields, '192.0.2.7', userAgent, JSON.stringify(metadata)].join('\t')}\n`;
}

/** What teams write: an entity, and a save for each event. */
const naive = new EntitySchema<Record<string, unknown>>({
  name: 'naive_audit_events',
  columns: {
    id: { type: 'uuid', primary: true, generated: 'uuid' },
    action: { type: 'text' },
    outcome: { type: 'text' },
    actorId: { type: 'text', nullable: true },
    target: { type: 'text', nullable: true },
    address: { type: 'text', nullable: true },
    userAgent: { type: 'text', nullable: true },
    metadata: { type: 'jsonb' },
    createdAt: { type: 'timestamptz', createDate: true },
  },
  indices: [{ columns: ['action', 'createdAt'] }, { columns: ['actorId', 'createdAt'] }],
});

interface Measured {
  perSecond: number;
  cpuMicros: number;
}

async function measured(count: number, work: () => Promise<void>): Promise<Measured> {
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: (count / (performance.now() - started)) * 1_000, cpuMicros: (user + system) / count };
}

async function inLanes(lanes: number, count: number, work: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let i = next++; i < count; i = next++) await work(i);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const percentile = (values: number[], share: number) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;

/** An application with one route, which records an event or does not. */
async function served(module: never, service: Class<Audit>, records: boolean): Promise<INestApplication> {
  @Controller()
  class Route {
    constructor(@Inject(service) private readonly audit: Audit) {}

    @Get('debit')
    debit() {
      if (records) this.audit.record(eventOf(1, 'batch'));
      return { done: true };
    }
  }
  @Module({ imports: [module], controllers: [Route] })
  class Served {}
  const app = await NestFactory.create(Served, new FastifyAdapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  return app;
}

/** Milliseconds of each of many requests, one after the other. */
async function latencies(app: INestApplication): Promise<number[]> {
  const { port } = app.getHttpServer().address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const once = () =>
    new Promise<void>((done, fail) => {
      httpRequest({ port, host: '127.0.0.1', path: '/debit', agent }, (response) => response.resume().on('end', done))
        .on('error', fail)
        .end();
    });
  const times: number[] = [];
  for (let i = 0; i < LATENCY_REQUESTS; i++) {
    const started = performance.now();
    await once();
    times.push(performance.now() - started);
  }
  agent.destroy();
  return times;
}

/** Sends lines in COPY's text format, which pg leaves to others to do. */
class CopyIn {
  private constructor(
    private readonly text: string,
    private readonly data: Buffer,
    private readonly resolve: () => void,
    private readonly reject: (error: Error) => void,
  ) {}

  static run(client: Client, text: string, data: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      client.query(new CopyIn(text, data, resolve, reject) as never);
    });
  }

  submit(connection: { query(text: string): void }): void {
    connection.query(this.text);
  }

  handleCopyInResponse(connection: { sendCopyFromChunk(data: Buffer): void; endCopyFrom(): void }): void {
    connection.sendCopyFromChunk(this.data);
    connection.endCopyFrom();
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.resolve();
  }

  handleError(error: Error): void {
    this.reject(error);
  }
}

async function exportMillion(app: INestApplicationContext, library: AuditLibrary): Promise<Row> {
  const service = app.get(library.AuditService);
  for (let i = 0; i < EXPORT_ROWS; i += EVENTS) {
    for (let j = i; j < Math.min(i + EVENTS, EXPORT_ROWS); j++) service.record(eventOf(j, 'batch'));
    await service.flush();
  }
  const reader = app.get(library.AuditReader);
  const { EXPORT_FORMATS } = await dist<{ EXPORT_FORMATS: { ndjson: { line(event: object): string } } }>(
    'audit/export-format.js',
  );
  const before = process.memoryUsage.rss();
  let [rows, bytes, most] = [0, 0, before];
  const started = performance.now();
  for await (const page of reader.all({})) {
    rows += page.length;
    for (const event of page) bytes += EXPORT_FORMATS.ndjson.line(event).length;
    most = Math.max(most, process.memoryUsage.rss());
  }
  const seconds = (performance.now() - started) / 1_000;
  const [megabytes, growth] = [Math.round(bytes / 1e6), Math.round((most - before) / 1e6)];
  return {
    what: `export of ${rows} rows (${megabytes} MB)`,
    'events/s': Math.round(rows / seconds),
    'CPU µs/event': '',
    'of naive': '',
    note: `memory +${growth} MB at most`,
  };
}

export const audit: MicroScenario = {
  kind: 'micro',
  name: 'audit',
  description: 'Audit events: one TypeORM save each, the modes of AuditModule, and COPY as the limit.',
  packages: ['@nestjs/core', 'typeorm', 'pg', 'fastify'],
  notes: [
    `naive: ${NAIVE_LANES} saves at once, to a table with two indexes and no chain. durable and strict: ${LANES} callers at once, each waiting for its own.`,
    'events/s is until the last event is in the database (batch), or acknowledged (durable, strict). CPU is that of the Node process. The database is the embedded one, with fsync, on the same two cores.',
    'COPY: lines that were made beforehand, in one statement, to a table with the columns and indexes of audit_events.',
    `The route: ${LATENCY_REQUESTS} requests one after the other, with and without an event in mode batch, alternating; the client is in the same process.`,
  ],
  async run({ rounds }: RunOptions): Promise<Row[]> {
    const folder = mkdtempSync(join(tmpdir(), 'bench-audit-'));
    const { EmbeddedPostgres, DatabaseModule } = await dist<{
      EmbeddedPostgres: { start(options: object): Promise<{ url: string; stop(): Promise<void> }> };
      DatabaseModule: { forRoot(options: object): never };
    }>('database/index.js');
    const library = await dist<AuditLibrary>('audit/index.js');
    const { migrations } = await dist<{ migrations: never[] }>('migrations.js');
    const { RequestContext, runWithContext } = await dist<{
      RequestContext: new (id: string, request: object) => object;
      runWithContext: (this: void, context: object, work: () => void) => void;
    }>('common/index.js');
    const database = await EmbeddedPostgres.start({ dataDir: join(folder, 'data') });
    const options = { journalDir: join(folder, 'journal'), maxPending: EVENTS, sealIntervalMs: 0 };
    const modules = () => [
      DatabaseModule.forRoot({ url: database.url, migrations }),
      library.AuditModule.forRoot(options),
    ];
    const app = await NestFactory.createApplicationContext(
      { module: class Bench {}, imports: modules() },
      { logger: false },
    );
    const service = app.get(library.AuditService);
    const source = await new DataSource({ type: 'postgres', url: database.url, entities: [naive] }).initialize();
    await source.synchronize();
    const headers = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36' };
    const user = { id: '0198a1b2-0000-7000-8000-000000000001', email: 'a@b.c', roles: ['User'], sessionId: 's' };
    const context = new RequestContext('request-1', {
      method: 'POST',
      url: '/wallets/7/debit',
      headers,
      ip: '192.0.2.7',
      user,
      routeOptions: { url: '/wallets/:id/debit' },
    });

    const repository = source.getRepository(naive);
    const saveEach = () =>
      measured(NAIVE_EVENTS, () =>
        inLanes(NAIVE_LANES, NAIVE_EVENTS, (i) =>
          repository.save({ ...eventOf(i), actorId: user.id, address: '192.0.2.7', userAgent: headers['user-agent'] }),
        ),
      );
    const batch = () =>
      measured(EVENTS, async () => {
        for (let i = 0; i < EVENTS; i += 100) {
          runWithContext(context, () => {
            for (let j = i; j < i + 100; j++) service.record(eventOf(j, 'batch'));
          });
          // As requests come: in turns of the event loop.
          await new Promise(setImmediate);
        }
        await service.flush();
      });
    const waiting = (delivery: string) => async () => {
      const result = await measured(EVENTS / 3, () =>
        inLanes(LANES, EVENTS / 3, (i) => service.recordAndWait(eventOf(i, delivery))),
      );
      await service.flush();
      return result;
    };
    const client = new Client({ connectionString: database.url });
    await client.connect();
    const lines = Array.from({ length: EVENTS }, (_, i) => copyLine(eventOf(i), headers['user-agent'])).join('');
    const copy = async () => {
      await client.query('DROP TABLE IF EXISTS copied');
      await client.query('CREATE TABLE copied (LIKE audit_events INCLUDING DEFAULTS INCLUDING INDEXES)');
      return measured(EVENTS, () => CopyIn.run(client, `COPY copied (${COPIED}) FROM STDIN`, Buffer.from(lines)));
    };

    const ways = {
      'one TypeORM save per event': saveEach,
      batch,
      durable: waiting('durable'),
      strict: waiting('strict'),
      COPY: copy,
    };
    const results = new Map(Object.keys(ways).map((name) => [name, [] as Measured[]]));
    try {
      for (let round = 0; round <= rounds; round++) {
        for (const [name, way] of Object.entries(ways)) {
          const result = await way();
          // The first round warms up.
          if (round > 0) results.get(name)?.push(result);
        }
      }
      const of = (name: string) => results.get(name) ?? [];
      const rate = (name: string) => median(of(name).map(({ perSecond }) => perSecond));
      const base = rate('one TypeORM save per event');
      const rows: Row[] = Object.keys(ways).map((name) => ({
        what: name,
        'events/s': Math.round(rate(name)),
        'CPU µs/event': name.startsWith('COPY') ? '' : median(of(name).map(({ cpuMicros }) => cpuMicros)).toFixed(1),
        'of naive': `${(rate(name) / base).toFixed(1)}×`,
        note: '',
      }));
      rows.push(...(await routeRows(modules, library.AuditService, rounds)));
      rows.push(await exportMillion(app, library));
      return rows;
    } finally {
      await app.close();
      await client.end();
      await source.destroy();
      await database.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function routeRows(modules: () => never[], service: Class<Audit>, rounds: number): Promise<Row[]> {
  const group = (): never => ({ module: class Group {}, imports: modules(), exports: modules() }) as never;
  const [silent, recording] = [await served(group(), service, false), await served(group(), service, true)];
  const times = { without: [] as number[][], with: [] as number[][] };
  for (let round = 0; round <= rounds; round++) {
    const pair = [await latencies(silent), await latencies(recording)] as const;
    if (round === 0) continue;
    times.without.push(pair[0]);
    times.with.push(pair[1]);
  }
  await Promise.all([silent.close(), recording.close()]);
  return [0.5, 0.99].map((share) => {
    const [before, after] = [times.without, times.with].map((all) => median(all.map((one) => percentile(one, share))));
    const added = (after ?? 0) - (before ?? 0);
    return {
      what: `a route, p${share * 100}`,
      'events/s': '',
      'CPU µs/event': '',
      'of naive': '',
      note: `${before?.toFixed(3)} ms without, ${after?.toFixed(3)} ms with an event: ${added >= 0 ? '+' : ''}${added.toFixed(3)} ms`,
    };
  });
}
