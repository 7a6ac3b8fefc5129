import type { EntityManager } from 'typeorm';
import { firstIdOf, monthName, startOfMonth, timeOfId } from './months.js';

/** Number of future months that have a partition. */
const MONTHS_AHEAD = 3;

/** Earliest plausible time of an event. Rows with an earlier time stay in the default partition. */
const EARLIEST_EVENT_MS = Date.UTC(2020, 0);

/** A statement that waits for the lock of a whole table blocks all later statements, so the wait is short. */
export const LOCK_TIMEOUT = `SET LOCAL lock_timeout = '5s'`;

/** A table with one partition for each month. The functions convert between times and partition bounds. */
interface MonthlyTable {
  readonly table: 'audit_events' | 'audit_seals';
  readonly tenant: string;
  readonly key: string;
  readonly bound: (month: Date) => string;
  readonly timeOf: (bound: string) => Date;
}

export const EVENTS: MonthlyTable = {
  table: 'audit_events',
  tenant: 'tenant_id',
  key: 'id',
  bound: firstIdOf,
  timeOf: timeOfId,
};

export const SEALS: MonthlyTable = {
  table: 'audit_seals',
  tenant: 'tenant',
  key: 'sealed_at',
  bound: (month) => month.toISOString(),
  timeOf: (bound) => new Date(bound),
};

export interface Partition {
  readonly name: string;
  /** Start, inclusive. */
  readonly from: Date;
  /** End, exclusive. */
  readonly to: Date;
}

/** The partitions of a table by time, oldest first, without the default one. */
export async function partitionsOf(manager: EntityManager, { table, timeOf }: MonthlyTable): Promise<Partition[]> {
  const rows = (await manager.query(
    `SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass`,
    [table],
  )) as { name: string; bound: string }[];
  return rows
    .flatMap(({ name, bound }) => {
      const [, from, to] = /FROM \('([^']*)'\) TO \('([^']*)'\)/.exec(bound) ?? [];
      return from === undefined || to === undefined ? [] : [{ name, from: timeOf(from), to: timeOf(to) }];
    })
    .sort((a, b) => a.to.getTime() - b.to.getTime());
}

/** Names of the missing partitions of this month and the next one. */
export async function missingPartitions(manager: EntityManager, monthly: MonthlyTable, now: Date): Promise<string[]> {
  const present = await partitionsOf(manager, monthly);
  return [startOfMonth(now), startOfMonth(now, 1)]
    .filter((month) => !present.some(({ from, to }) => from <= month && month < to))
    .map((month) => `${monthly.table}_${monthName(month)}`);
}

/**
 * Creates the partitions of this month and the next months, and of every month that has rows in the default partition.
 * Those rows move to the new partitions. Returns the names of the new partitions.
 */
export async function createPartitions(
  manager: EntityManager,
  monthly: MonthlyTable,
  now: Date,
  monthsAhead = MONTHS_AHEAD,
): Promise<string[]> {
  const { table, key } = monthly;
  // The table is locked before its partitions. All other statements use the same order, so there is no deadlock.
  await manager.query(`LOCK TABLE ONLY ${table} IN ACCESS SHARE MODE`);
  const present = await partitionsOf(manager, monthly);
  const misplacedMonths = await monthsInDefaultPartition(manager, monthly, startOfMonth(now, monthsAhead + 1));
  const ahead = Array.from({ length: monthsAhead + 1 }, (_, later) => startOfMonth(now, later).getTime());
  const missing = [...new Set([...ahead, ...misplacedMonths])]
    .sort((a, b) => a - b)
    .map((time) => new Date(time))
    .filter((month) => !present.some(({ from, to }) => from <= month && month < to));
  if (missing.length === 0) return [];
  await manager.query(LOCK_TIMEOUT);
  const moving = misplacedMonths.length > 0 ? `${table}_moving` : undefined;
  if (moving !== undefined) {
    // This lock blocks all writers. It is short, because the default partition has few rows.
    await manager.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    await manager.query(`ALTER TABLE ${table} DETACH PARTITION ${table}_default`);
    await manager.query(`ALTER TABLE ${table}_default RENAME TO ${moving}`);
  }
  const ranges: string[] = [];
  for (const month of missing) {
    const [from, to] = [monthly.bound(month), monthly.bound(startOfMonth(month, 1))];
    const range = `${key} >= '${from}' AND ${key} < '${to}'`;
    const name = `${table}_${monthName(month)}`;
    const rows = moving && `SELECT * FROM ${moving} WHERE ${range}`;
    await createPartition(manager, monthly, name, { bounds: `FOR VALUES FROM ('${from}') TO ('${to}')`, rows });
    ranges.push(`(${range})`);
  }
  if (moving !== undefined) {
    const rows = `SELECT * FROM ${moving} WHERE NOT (${ranges.join(' OR ')})`;
    await createPartition(manager, monthly, `${table}_default`, { bounds: 'DEFAULT', rows });
    await manager.query(`DROP TABLE ${moving}`);
  }
  return missing.map((month) => `${table}_${monthName(month)}`);
}

/**
 * Creates a separate table, fills it and attaches it. Other statements can write meanwhile, and the trigger of the feed
 * does not report the moved rows as new. Each partition needs its own policies, because the policies of the parent
 * table do not apply to statements that name a partition.
 */
async function createPartition(
  manager: EntityManager,
  { table, tenant }: MonthlyTable,
  name: string,
  { bounds, rows }: { bounds: string; rows?: string | undefined },
): Promise<void> {
  await manager.query(`CREATE TABLE ${name} (LIKE ${table} INCLUDING DEFAULTS)`);
  await manager.query(`ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`);
  await manager.query(
    `CREATE POLICY audit_owner ON ${name} TO CURRENT_USER USING (
       current_setting('app.audit_scope', true) = 'all' OR ${tenant} = current_setting('app.tenant_id', true)
     ) WITH CHECK (true)`,
  );
  await manager.query(
    `CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON ${name} FOR EACH STATEMENT EXECUTE FUNCTION audit_immutable()`,
  );
  if (rows !== undefined) await manager.query(`INSERT INTO ${name} ${rows}`);
  await manager.query(`ALTER TABLE ${table} ATTACH PARTITION ${name} ${bounds}`);
}

/** The months of the rows in the default partition, without implausible times. */
async function monthsInDefaultPartition(
  manager: EntityManager,
  { table, key, bound, timeOf }: MonthlyTable,
  end: Date,
): Promise<number[]> {
  const months = new Set<number>();
  let from = new Date(EARLIEST_EVENT_MS);
  for (;;) {
    const [row] = (await manager.query(
      `SELECT ${key}::text AS key FROM ${table}_default WHERE ${key} >= $1 AND ${key} < $2 ORDER BY ${key} LIMIT 1`,
      [bound(from), bound(end)],
    )) as { key: string }[];
    if (!row) return [...months];
    const month = startOfMonth(timeOf(row.key));
    months.add(month.getTime());
    from = startOfMonth(month, 1);
  }
}
