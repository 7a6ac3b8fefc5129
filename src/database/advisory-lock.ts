import type { DataSource, EntityManager, QueryRunner } from 'typeorm';

/**
 * Names of the advisory locks of the suite. An application names its own locks `app:…`, so that no two uses of the
 * database share a lock.
 *
 * @publicApi
 */
export type AdvisoryLockName =
  | 'migrations'
  | 'administrators'
  | `account:${string}`
  | 'auth-retention'
  | 'audit-digests'
  | 'audit-maintenance'
  | 'audit-roles'
  | `audit-seal:${string}`
  | `app:${string}`;

/** The key of a lock: a 64-bit hash of its name, because PostgreSQL identifies advisory locks by numbers. */
const keyOf = (name: string) => `hashtextextended('bulwark:' || ${name}, 0)`;

/**
 * Runs `work` in a transaction that holds an advisory lock, on one replica at a time. The lock belongs to the
 * transaction and not to the session, so it also works behind a pooler in transaction mode.
 *
 * @returns undefined if another replica holds the lock
 * @publicApi
 */
export function tryWithAdvisoryLock<T>(
  source: DataSource,
  name: AdvisoryLockName,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T | undefined> {
  return source.transaction('READ COMMITTED', async (manager) =>
    (await tryAdvisoryLock(manager, name)) ? work(manager) : undefined,
  );
}

/**
 * Takes an advisory lock until the end of the open transaction, if no other transaction holds it.
 *
 * @returns whether the transaction has the lock
 * @publicApi
 */
export async function tryAdvisoryLock(
  transaction: Pick<EntityManager | QueryRunner, 'query'>,
  name: AdvisoryLockName,
): Promise<boolean> {
  const sql = `SELECT pg_try_advisory_xact_lock(${keyOf('$1::text')}) AS "isAcquired"`;
  const [lock] = (await transaction.query(sql, [name])) as { isAcquired: boolean }[];
  return lock?.isAcquired === true;
}

/**
 * Takes advisory locks until the end of the open transaction, in the order of the array, and waits for each. Callers
 * that take several locks must take them in the same order.
 *
 * @publicApi
 */
export async function takeAdvisoryLocks(
  transaction: Pick<EntityManager | QueryRunner, 'query'>,
  names: readonly AdvisoryLockName[],
): Promise<void> {
  const sql = `SELECT pg_advisory_xact_lock(${keyOf('name')}) FROM unnest($1::text[]) AS name`;
  await transaction.query(sql, [names]);
}
