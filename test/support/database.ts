import { Client } from 'pg';
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
