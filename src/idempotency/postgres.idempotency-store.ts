import type { IdempotencyClaim, IdempotencyState, IdempotencyStore, StoredResponse } from './idempotency.store.js';

/** Runs statements: TypeORM's `DataSource`, or another object with the same method. @publicApi */
export interface IdempotencyDatabase {
  query(sql: string, values: unknown[]): Promise<unknown>;
}

interface Row {
  state: IdempotencyState['state'];
  fingerprint: string;
  isTakeover: boolean;
  answer: StoredResponse | null;
}

const MS = `interval '1 millisecond'`;

/**
 * One statement. The primary key makes it atomic. Its reads see the state before the statement. If another attempt commits
 * while the statement runs, it conflicts with the insert, but it is not in the snapshot. Then the statement returns no row,
 * and the other attempt is running.
 */
const BEGIN = `
  WITH begun AS (
    INSERT INTO idempotency_keys AS known (id, fingerprint, owner, lease_until, expires_at)
    VALUES ($1, $2, $3, now() + $4 * ${MS}, now() + $5 * ${MS})
    ON CONFLICT (id) DO UPDATE
      SET fingerprint = excluded.fingerprint, owner = excluded.owner, lease_until = excluded.lease_until,
          expires_at = excluded.expires_at, answer = NULL
      WHERE known.expires_at <= now()
         OR (known.answer IS NULL AND known.lease_until <= now() AND $6 AND known.fingerprint = excluded.fingerprint)
    RETURNING id
  )
  SELECT 'started' AS state, '' AS fingerprint, NULL::jsonb AS answer,
         EXISTS (SELECT FROM idempotency_keys WHERE id = $1 AND expires_at > now()) AS "isTakeover"
  FROM begun
  UNION ALL
  SELECT CASE WHEN answer IS NOT NULL THEN 'done' WHEN lease_until > now() THEN 'running' ELSE 'abandoned' END,
         fingerprint, answer, false
  FROM idempotency_keys WHERE id = $1 AND NOT EXISTS (SELECT FROM begun)`;

const OWNED = 'id = $1 AND owner = $2 AND answer IS NULL';
const countChanged = (statement: string) =>
  `WITH changed AS (${statement} RETURNING id) SELECT count(*)::int FROM changed`;

const COMPLETE = countChanged(
  `UPDATE idempotency_keys SET answer = $3::jsonb, expires_at = now() + $4 * ${MS} WHERE ${OWNED}`,
);
const EXTEND = countChanged(`UPDATE idempotency_keys SET lease_until = now() + $3 * ${MS} WHERE ${OWNED}`);
const RELEASE = countChanged(`DELETE FROM idempotency_keys WHERE ${OWNED}`);

/** Small enough that a statement does not lock many rows for long. Replicas skip rows that another replica has locked. */
const PRUNE_BATCH_SIZE = 1_000;
const PRUNE = countChanged(`DELETE FROM idempotency_keys WHERE id IN (
  SELECT id FROM idempotency_keys WHERE expires_at <= now() LIMIT $1 FOR UPDATE SKIP LOCKED)`);

/**
 * Stores keys in PostgreSQL, in the table of {@link idempotencyMigrations}. They are as durable as the data that the
 * requests change.
 *
 * @publicApi
 */
export class PostgresIdempotencyStore implements IdempotencyStore {
  constructor(private readonly database: IdempotencyDatabase) {}

  async begin(claim: IdempotencyClaim): Promise<IdempotencyState> {
    const { id, fingerprint, owner, leaseMs, ttlMs, mayTakeOver } = claim;
    const values = [id, fingerprint, owner, leaseMs, ttlMs, mayTakeOver];
    const [row] = (await this.database.query(BEGIN, values)) as Row[];
    if (!row) return { state: 'running', fingerprint: undefined };
    if (row.state === 'done') {
      return { state: 'done', fingerprint: row.fingerprint, answer: row.answer as StoredResponse };
    }
    if (row.state === 'started') return { state: 'started', isTakeover: row.isTakeover };
    return { state: row.state, fingerprint: row.fingerprint };
  }

  async complete({ id, owner, ttlMs }: IdempotencyClaim, answer: StoredResponse): Promise<boolean> {
    return (await this.change(COMPLETE, [id, owner, JSON.stringify(answer), ttlMs])) === 1;
  }

  async extend({ id, owner, leaseMs }: IdempotencyClaim): Promise<boolean> {
    return (await this.change(EXTEND, [id, owner, leaseMs])) === 1;
  }

  async release({ id, owner }: IdempotencyClaim): Promise<void> {
    await this.change(RELEASE, [id, owner]);
  }

  async prune(): Promise<void> {
    while ((await this.change(PRUNE, [PRUNE_BATCH_SIZE])) === PRUNE_BATCH_SIZE);
  }

  private async change(sql: string, values: unknown[]): Promise<number> {
    const [row] = (await this.database.query(sql, values)) as { count: number }[];
    return row?.count ?? 0;
  }
}
