import { open } from 'node:fs/promises';

/** Writes the folder entries to the disk (`fsync`), so that new file names survive a power failure. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
