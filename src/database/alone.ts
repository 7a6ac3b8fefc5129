import type { DataSource, EntityManager } from 'typeorm';

/**
 * Does what one replica does for all, in a transaction that holds an advisory lock. It is a transaction's lock, not a
 * session's, so that it also holds behind a pooler in transaction mode.
 *
 * @param key of the lock, like no other in the database
 * @returns undefined where another replica is at it
 */
export function alone<T>(
  source: DataSource,
  key: number,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T | undefined> {
  return source.transaction('READ COMMITTED', async (manager) => {
    const [lock] = (await manager.query('SELECT pg_try_advisory_xact_lock($1) AS mine', [key])) as { mine: boolean }[];
    return lock?.mine === true ? work(manager) : undefined;
  });
}
