import type { IdempotencyClaim, IdempotencyState, IdempotencyStore, StoredAnswer } from './idempotency.store.js';

/** What runs a statement: a `DataSource` of TypeORM, or anything like it. @publicApi */
export interface IdempotencyDatabase {
  query(sql: string, values: unknown[]): Promise<unknown>;
}

interface Row {
  state: IdempotencyState['state'];
  fingerprint: string;
  isTakeover: boolean;
  answer: StoredAnswer | null;
}

const MS = `interval '1 millisecond'`;

/**
 * One statement, which the primary key makes atomic; its reads see what was there before. A rival that commits while it runs is in its way, but not in its
 * snapshot; then there is no row, and the rival runs.
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
const counted = (statement: string) => `WITH changed AS (${statement} RETURNING id) SELECT count(*)::int FROM changed`;

const COMPLETE = counted(
  `UPDATE idempotency_keys SET answer = $3::jsonb, expires_at = now() + $4 * ${MS} WHERE ${OWNED}`,
);
const EXTEND = counted(`UPDATE idempotency_keys SET lease_until = now() + $3 * ${MS} WHERE ${OWNED}`);
const RELEASE = counted(`DELETE FROM idempotency_keys WHERE ${OWNED}`);

/** So many at a time that no statement holds many rows for long; replicas that prune at once skip each other's. */
const PRUNED_AT_ONCE = 1_000;
const PRUNE = counted(`DELETE FROM idempotency_keys WHERE id IN (
  SELECT id FROM idempotency_keys WHERE expires_at <= now() LIMIT $1 FOR UPDATE SKIP LOCKED)`);

/**
 * In PostgreSQL, in the table of {@link idempotencyMigrations}: as durable as what the requests change.
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
      return { state: 'done', fingerprint: row.fingerprint, answer: row.answer as StoredAnswer };
    }
    if (row.state === 'started') return { state: 'started', isTakeover: row.isTakeover };
    return { state: row.state, fingerprint: row.fingerprint };
  }

  async complete({ id, owner, ttlMs }: IdempotencyClaim, answer: StoredAnswer): Promise<boolean> {
    return (await this.change(COMPLETE, [id, owner, JSON.stringify(answer), ttlMs])) === 1;
  }

  async extend({ id, owner, leaseMs }: IdempotencyClaim): Promise<boolean> {
    return (await this.change(EXTEND, [id, owner, leaseMs])) === 1;
  }

  async release({ id, owner }: IdempotencyClaim): Promise<void> {
    await this.change(RELEASE, [id, owner]);
  }

  async prune(): Promise<void> {
    while ((await this.change(PRUNE, [PRUNED_AT_ONCE])) === PRUNED_AT_ONCE);
  }

  private async change(sql: string, values: unknown[]): Promise<number> {
    const [row] = (await this.database.query(sql, values)) as { count: number }[];
    return row?.count ?? 0;
  }
}
