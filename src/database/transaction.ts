import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, EntityManager } from 'typeorm';

interface OpenTransaction {
  readonly source: DataSource;
  readonly manager: EntityManager;
  readonly afterCommit: (() => unknown)[];
  isOpen: boolean;
}

const storage = new AsyncLocalStorage<OpenTransaction | undefined>();

/**
 * Runs `work` in one transaction. Code that `work` calls joins the transaction if it gets its entity manager from
 * {@link managerOf}; it needs no parameter. Inside an open transaction of the same data source, `work` joins that
 * transaction. A service that shares its result with other callers (a cache, a single flight) must load it with
 * {@link outsideTransaction}.
 *
 * @throws the error of `work`, after the rollback
 *
 * @publicApi
 */
export async function inTransaction<T>(source: DataSource, work: () => Promise<T>): Promise<T> {
  if (current(source)) return work();
  const afterCommit: (() => unknown)[] = [];
  const result = await source.transaction('READ COMMITTED', async (manager) => {
    const transaction: OpenTransaction = { source, manager, afterCommit, isOpen: true };
    try {
      return await storage.run(transaction, work);
    } finally {
      transaction.isOpen = false;
    }
  });
  for (const run of afterCommit) await outsideTransaction(run);
  return result;
}

/** Whether the caller runs inside an open transaction of the data source. @publicApi */
export function isInTransaction(source: DataSource): boolean {
  return current(source) !== undefined;
}

/** The entity manager of the open transaction, or of the data source if no transaction is open. @publicApi */
export function managerOf(source: DataSource): EntityManager {
  return current(source)?.manager ?? source.manager;
}

/** Runs `work` as if no transaction were open. It uses another connection and sees only committed data. @publicApi */
export function outsideTransaction<T>(work: () => T): T {
  return storage.run(undefined, work);
}

/**
 * Runs `work` after the commit of the open transaction, before {@link inTransaction} returns. Runs `work` at once if no
 * transaction is open. After a rollback, `work` does not run. It must not throw: the transaction stays committed.
 *
 * @publicApi
 */
export async function afterCommit(work: () => unknown): Promise<void> {
  const transaction = storage.getStore();
  if (transaction?.isOpen === true) transaction.afterCommit.push(work);
  else await work();
}

function current(source: DataSource): OpenTransaction | undefined {
  const transaction = storage.getStore();
  return transaction?.isOpen === true && transaction.source === source ? transaction : undefined;
}
