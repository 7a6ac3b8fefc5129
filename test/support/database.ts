import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { inject } from 'vitest';

/** URL of a database on the test server; made when it is missing. By default each worker has one of its own. */
export async function testDatabase(name = `worker_${process.env['VITEST_POOL_ID'] ?? '0'}`): Promise<string> {
  const server = inject('databaseUrl');
  const { rowCount } = await query(server, `SELECT 1 FROM pg_database WHERE datname = $1`, [name]);
  if (rowCount === 0) await query(server, `CREATE DATABASE "${name}"`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

/** A database that nothing has touched yet. */
export async function freshDatabase(): Promise<string> {
  const name = `fresh_${process.pid}_${Date.now().toString(36)}`;
  return testDatabase(name);
}

export async function query(url: string, sql: string, values: unknown[] = []) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(sql, values);
  } finally {
    await client.end();
  }
}

/** Runs a statement that sees the audit rows of all tenants, which row-level security hides from any other. */
// oxlint-disable-next-line typescript/no-explicit-any
export function sqlSeeingAll(source: DataSource, sql: string, values: unknown[] = []): Promise<any[]> {
  return source.transaction(async (manager) => {
    await manager.query(`SELECT set_config('app.audit_scope', 'all', true)`);
    return manager.query(sql, values);
  });
}

/** Stored audit events of all tenants, oldest first. */
export async function auditRows(url: string): Promise<{ action: string }[]> {
  const { rows } = await query(addOption(url, 'app.audit_scope=all'), 'SELECT action FROM audit_events ORDER BY id');
  return rows as { action: string }[];
}

function addOption(url: string, option: string): string {
  const changed = new URL(url);
  changed.searchParams.set('options', `-c ${option}`);
  return changed.href;
}
