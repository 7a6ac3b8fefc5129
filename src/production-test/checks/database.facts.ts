import type { DataSource } from 'typeorm';
import type { LoginFacts } from './database-login.rules.js';

/** Facts about the PostgreSQL server, this connection and this database. */
export interface DatabaseFacts {
  roundTripMs: number;
  /** Clock of the database minus clock of this process, in milliseconds. */
  clockSkewMs: number;
  majorVersion: number;
  now: Date;
  maxConnections: number;
  reservedConnections: number;
  usedConnections: number;
  poolMax: number;
  replicas: number;
  usesTls: boolean;
  isRemote: boolean;
  settings: Readonly<Record<string, string>>;
  pendingMigrations: readonly string[];
  invalidIndexes: readonly string[];
  /** Foreign keys without an index, as `table.column`. */
  unindexedForeignKeys: readonly string[];
  /** Tables of 10,000 or more rows that are mostly read by sequential scans. */
  scannedTables: readonly string[];
  /** Time since the last statement of the longest idle transaction. */
  idleInTransactionSeconds: number;
  transactionIdAge: number;
}

interface Row {
  now: Date;
  version: number;
  used: number;
  tls: boolean | null;
  remote: boolean;
  invalid: string[];
  unindexed: string[];
  scanned: string[];
  idle: number;
  age: number;
}

const SETTINGS = [
  'max_connections',
  'superuser_reserved_connections',
  'statement_timeout',
  'idle_in_transaction_session_timeout',
  'fsync',
  'full_page_writes',
  'synchronous_commit',
  'autovacuum',
  'password_encryption',
];

const FACTS_QUERY = `
  SELECT clock_timestamp() AS now,
    current_setting('server_version_num')::int / 10000 AS version,
    (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
    (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS tls,
    coalesce(host(inet_client_addr()) NOT IN (host(inet_server_addr()), '127.0.0.1', '::1'), false) AS remote,
    (SELECT coalesce(array_agg(c.relname::text), '{}') FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE NOT i.indisvalid AND n.nspname = current_schema()) AS invalid,
    (SELECT coalesce(array_agg(t.relname || '.' || a.attname), '{}') FROM pg_constraint k
      JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.conkey[1]
      WHERE k.contype = 'f' AND n.nspname = current_schema() AND NOT t.relispartition
      AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = t.oid AND i.indkey[0] = k.conkey[1])) AS unindexed,
    (SELECT coalesce(array_agg(relname::text), '{}') FROM pg_stat_user_tables
      WHERE n_live_tup >= 10000 AND seq_scan > 1000 AND seq_scan > coalesce(idx_scan, 0)) AS scanned,
    (SELECT coalesce(max(extract(epoch FROM now() - state_change)), 0)::float FROM pg_stat_activity
      WHERE state = 'idle in transaction') AS idle,
    (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()) AS age`;

export async function readDatabaseFacts(
  source: DataSource,
  { poolMax, replicas }: { poolMax: number; replicas: number },
): Promise<DatabaseFacts> {
  const asked = performance.now();
  await source.query('SELECT 1');
  const roundTripMs = performance.now() - asked;
  const before = Date.now();
  const [row] = await source.query<Row[]>(FACTS_QUERY);
  if (!row) throw new Error('the database returned no row');
  const named = await source.query<{ name: string; setting: string }[]>(
    'SELECT name, setting FROM pg_settings WHERE name = ANY($1)',
    [SETTINGS],
  );
  const settings = Object.fromEntries(named.map(({ name, setting }) => [name, setting]));
  return {
    roundTripMs,
    // The database read its clock at some time during the query, so the duration of the query is not skew.
    clockSkewMs: computeClockSkewMs(row.now.getTime(), before, Date.now()),
    majorVersion: row.version,
    now: new Date(),
    maxConnections: Number(settings['max_connections']),
    reservedConnections: Number(settings['superuser_reserved_connections']),
    usedConnections: row.used,
    poolMax,
    replicas,
    usesTls: row.tls === true,
    isRemote: row.remote,
    settings,
    pendingMigrations: await readPendingMigrations(source),
    invalidIndexes: row.invalid,
    unindexedForeignKeys: row.unindexed,
    scannedTables: row.scanned,
    idleInTransactionSeconds: row.idle,
    transactionIdAge: row.age,
  };
}

export async function readLoginFacts(source: DataSource): Promise<LoginFacts> {
  const { readLogin } = await import('../../database/index.js');
  return { login: await readLogin(source) };
}

function computeClockSkewMs(theirs: number, before: number, after: number): number {
  if (theirs < before) return theirs - before;
  return theirs > after ? theirs - after : 0;
}

async function readPendingMigrations(source: DataSource): Promise<string[]> {
  // An application with a DataSource of its own may have no migrations, and then no table.
  if (source.migrations.length === 0) return [];
  const table = source.driver.escape(source.options.migrationsTableName ?? 'migrations');
  const run = await source.query<{ name: string }[]>(`SELECT name FROM ${table}`);
  const names = new Set(run.map(({ name }) => name));
  return source.migrations.map(({ name, constructor }) => name ?? constructor.name).filter((name) => !names.has(name));
}
