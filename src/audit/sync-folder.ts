import { open } from 'node:fs/promises';

/** Makes the names of files in a folder as durable as their content. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
