import { mkdtempSync, rmSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { NestFactory } from '@nestjs/core';
import { Client } from 'pg';
import { DataSource, EntitySchema } from 'typeorm';
import type { MicroScenario, Row, RunOptions } from '../harness/scenario.js';
import { addedLatency, REQUESTS_PER_SECOND, WINDOW_SECONDS, WINDOWS } from './audit-latency.js';

const EVENTS = 30_000;
const NAIVE_EVENTS = 3_000;
const LANES = 100;
const NAIVE_LANES = 10;

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
}

/** Loaded by URL, because the relative path differs before and after compilation. */
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

/** What teams often write: an entity, and one save for each event. */
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

/** Sends lines in the text format of COPY, which pg does not support by itself. */
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

export const audit: MicroScenario = {
  kind: 'micro',
  name: 'audit',
  description: 'Audit events: one TypeORM save for each event, the modes of AuditModule, and COPY as the maximum.',
  packages: ['@nestjs/core', 'typeorm', 'pg', 'fastify'],
  notes: [
    `naive: ${NAIVE_LANES} parallel saves, to a table with two indexes and no chain. durable and strict: ${LANES} parallel callers, each waits for its own event.`,
    'events/s is measured until the last event is in the database (batch), or acknowledged (durable, strict). CPU time is that of the Node process. The database is the embedded one, with fsync, on the same two cores.',
    'COPY: lines that were generated before, in one statement, to a table with the columns and indexes of audit_events.',
    `The route: ${REQUESTS_PER_SECOND} requests a second at a constant rate, in windows of ${WINDOW_SECONDS} s: a window with one event in mode batch for each request lies between two windows without events, ${WINDOWS} times in a round. The server runs on core 0, the client on core 1, the database on both. Percentiles are over all requests of a kind. ± is the difference between the windows before and those after a window with events.`,
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
    }>('context/index.js');
    const database = await EmbeddedPostgres.start({ dataDir: join(folder, 'data') });
    const options = { journalDir: join(folder, 'journal'), maxPending: EVENTS, sealIntervalMs: 0 };
    const imports = [DatabaseModule.forRoot({ url: database.url, migrations }), library.AuditModule.forRoot(options)];
    const app = await NestFactory.createApplicationContext({ module: class Bench {}, imports }, { logger: false });
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
          // Like requests, the events arrive in separate turns of the event loop.
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
          // The first round is a warm-up.
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
      return [...rows, ...(await addedLatency(database.url, rounds))];
    } finally {
      await app.close();
      await client.end();
      await source.destroy();
      await database.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
