import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A temporary folder for one test, removed by `stop()`. */
export async function testFolder(): Promise<{ path: string; stop: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'bulwark-test-'));
  return { path, stop: () => rm(path, { recursive: true, force: true }) };
}
