import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { inject } from 'vitest';

let ofThisFile: Promise<string> | undefined;

/**
 * URL of the database of the current test file: a copy of the migrated template.
 * No other file uses it, so data of one file (a mail in the outbox, a chain of events) cannot make another file fail.
 */
export function testDatabase(): Promise<string> {
  ofThisFile ??= ownDatabase();
  return ofThisFile;
}

/** Makes the next test file of this worker get a new database. */
export function forgetTestDatabase(): void {
  ofThisFile = undefined;
}

/** URL of a migrated database that no other test uses, not even in the same file. */
export function ownDatabase(): Promise<string> {
  return urlOf(createDatabase(inject('databaseUrl'), 'own', inject('templateDatabase')));
}

/** URL of an empty database without migrations. */
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

/** Runs a statement that sees the audit rows of all tenants. Row-level security hides them from other statements. */
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
