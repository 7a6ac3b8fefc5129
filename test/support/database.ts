import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { inject } from 'vitest';

let ofThisFile: Promise<string> | undefined;

/**
 * URL of the database of the test file that asks: a copy of the template that the run has migrated.
 * No other file sees it, so what one leaves behind (a mail in the outbox, a chain of events) cannot fail another.
 */
export function testDatabase(): Promise<string> {
  ofThisFile ??= ownDatabase();
  return ofThisFile;
}

/** Has the next test file of this worker get a database of its own. */
export function forgetTestDatabase(): void {
  ofThisFile = undefined;
}

/** URL of a migrated database that no other test sees, those of the same file included. */
export function ownDatabase(): Promise<string> {
  return urlOf(createDatabase(inject('databaseUrl'), 'own', inject('templateDatabase')));
}

/** URL of a database that nothing has touched yet, migrations included. */
export function freshDatabase(): Promise<string> {
  return urlOf(createDatabase(inject('databaseUrl'), 'fresh'));
}

const urlOf = async (database: Promise<{ url: string }>) => (await database).url;

export async function createDatabase(server: string, kind: string, template = 'template1') {
  const name = `${kind}_${randomUUID().replaceAll('-', '')}`;
  await query(server, `CREATE DATABASE "${name}" TEMPLATE "${template}"`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { name, url: url.href };
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
// oxlint-disable-next-line typescript/no-explicit-any -- rows have the shape that the statement of the test asks for
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
