import { DatabaseClient } from './database-client.js';
import type { DataSource } from 'typeorm';

/** The role with which the application has logged in. */
export interface DatabaseLogin {
  readonly name: string;
  readonly isSuperuser: boolean;
  readonly bypassesRls: boolean;
}

const LOGIN = `
  SELECT rolname AS name, rolsuper AS "isSuperuser", rolbypassrls AS "bypassesRls"
  FROM pg_roles WHERE rolname = current_user`;

export async function readLogin(source: Pick<DataSource, 'query'>): Promise<DatabaseLogin> {
  const [login] = await source.query<DatabaseLogin[]>(LOGIN);
  if (!login) throw new Error('the database does not know the role of this connection');
  return login;
}

/** Reads the login on a new connection. @throws Error if the database does not answer in time */
export async function readLoginAt(url: string, timeoutMs: number): Promise<DatabaseLogin> {
  const client = new DatabaseClient({
    connectionString: url,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
  });
  try {
    await client.connect();
    return await readLogin({ query: async <T>(sql: string) => (await client.query(sql)).rows as T });
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Describes why the login has too many privileges for an application; undefined if it does not. */
export function excessOf({ name, isSuperuser, bypassesRls }: DatabaseLogin): string | undefined {
  if (isSuperuser) return `the database login "${name}" is a superuser`;
  return bypassesRls ? `the database login "${name}" bypasses row-level security` : undefined;
}

export const LOGIN_REMEDY =
  'run deploy/postgres/roles.sql, set DATABASE_URL to the login bulwark_app, and set DATABASE_MIGRATION_URL to the ' +
  'login bulwark_owner';
