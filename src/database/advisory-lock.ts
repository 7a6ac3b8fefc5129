import type { DataSource, EntityManager } from 'typeorm';

/**
 * Runs `work` on one replica at a time, in a transaction that holds an advisory lock. It is a transaction's lock, not a
 * session's, so that it also holds behind a pooler in transaction mode.
 *
 * @param key of the lock; no other lock in the database may have it
 * @returns undefined where another replica holds the lock
 */
export function tryWithAdvisoryLock<T>(
  source: DataSource,
  key: number,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T | undefined> {
  return source.transaction('READ COMMITTED', async (manager) => {
    const [lock] = (await manager.query('SELECT pg_try_advisory_xact_lock($1) AS mine', [key])) as { mine: boolean }[];
    return lock?.mine === true ? work(manager) : undefined;
  });
}
