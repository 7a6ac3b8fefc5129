import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedPostgresError } from './error.js';
import { processTag, tagIsAlive } from './process.js';

/**
 * Runs the work in only one process of this machine at a time.
 *
 * The lock is a folder with one file that has the name of the holder. The folder is put in place by a rename, which
 * succeeds only if no folder or an empty folder exists. So taking the lock is atomic. The lock of a dead holder is
 * removed by deleting the file with its name. This cannot remove the lock of a new holder, which has another name.
 */
export async function withProcessLock<T>(path: string, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  const holder = processTag(process.pid) ?? String(process.pid);
  const ticket = `${path}.${holder}.${randomUUID()}`;
  await mkdir(ticket);
  try {
    await writeFile(join(ticket, holder), '');
    await take(path, ticket, Date.now() + timeoutMs);
  } catch (error) {
    await rm(ticket, { recursive: true, force: true });
    throw error;
  }
  try {
    await removeDeadTickets(path);
    return await work();
  } finally {
    await unlink(join(path, holder));
    await rmdir(path).catch(() => undefined); // The next holder may already have the lock.
  }
}

async function take(path: string, ticket: string, deadline: number): Promise<void> {
  for (;;) {
    try {
      return await rename(ticket, path);
    } catch (error) {
      // Windows returns EPERM.
      if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      if (Date.now() > deadline) {
        throw new EmbeddedPostgresError(
          'EMBEDDED_POSTGRES_LOCKED',
          `another process has held the lock ${path} for too long`,
          'wait for its start or stop to end, or end that process',
          { cause: error },
        );
      }
    }
    const holders = await readdir(path).catch(() => []);
    for (const holder of holders) if (!tagIsAlive(holder)) await rm(join(path, holder), { force: true });
    if (process.platform === 'win32') await rmdir(path).catch(() => undefined);
    await sleep(20);
  }
}

/** Removes folders of processes that were killed while they waited for the lock. */
async function removeDeadTickets(path: string): Promise<void> {
  const prefix = `${basename(path)}.`;
  for (const name of await readdir(dirname(path))) {
    const [holder = ''] = name.startsWith(prefix) ? name.slice(prefix.length).split('.') : [];
    if (holder !== '' && !tagIsAlive(holder)) await rm(join(dirname(path), name), { recursive: true, force: true });
  }
}
