import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from '../../common/index.js';
import { syncFolder } from '../sync-folder.js';
import { isAlive, thisProcess, type JournalOwner } from './journal-owner.js';

const OWNER_FILE = 'owner.json';
const UNFINISHED = '.new-';
const SEGMENT_SUFFIX = '.seg';

/** A folder on a shared volume whose owner is on another machine is left for dead after this long without a sign. */
const SILENCE_MS = 60_000;

/** What stands in the owner's place once it has given its folder up. */
const NOBODY = { host: '', pid: 0, startTicks: '' } satisfies JournalOwner;

export interface FoundSegment {
  readonly path: string;
  readonly bytes: number;
}

/**
 * A folder that one application alone writes to, beneath the root that all share. It takes over what dead ones have
 * left by moving their folder into its own, which one of many can do; should it die as well, the next takes over both.
 */
export class JournalFolder {
  private constructor(
    private readonly root: string,
    readonly path: string,
  ) {}

  static async claim(root: string): Promise<JournalFolder> {
    await mkdir(root, { recursive: true, mode: 0o700 });
    const id = uuidv7();
    const unfinished = join(root, `${UNFINISHED}${id}`);
    const path = join(root, id);
    await mkdir(unfinished, { mode: 0o700 });
    await writeFile(join(unfinished, OWNER_FILE), JSON.stringify(await thisProcess()), { flush: true });
    // With its owner in it from the first moment on, so that nobody takes it for left behind.
    await rename(unfinished, path);
    await syncFolder(root);
    return new JournalFolder(root, path);
  }

  /** Takes over the folders of dead processes; answers with their segments, oldest first. */
  async recoverOrphans(): Promise<FoundSegment[]> {
    const found: FoundSegment[] = [];
    for (const name of await readdir(this.root)) {
      const left = join(this.root, name);
      if (name.startsWith(UNFINISHED) || !(await isLeftBehind(left))) continue;
      const adopted = join(this.path, name);
      const isMine = await rename(left, adopted).then(
        () => true,
        () => false,
      );
      if (isMine) found.push(...(await segmentsIn(adopted)));
    }
    if (found.length > 0) await syncFolder(this.path);
    return found.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** Makes the names of new files as durable as their content. */
  sync(): Promise<void> {
    return syncFolder(this.path);
  }

  /** Tells processes of other machines that this one lives. */
  async beat(): Promise<void> {
    const now = new Date();
    await utimes(join(this.path, OWNER_FILE), now, now);
  }

  /** Gives the folder up: removes it when it holds no segment any more, else leaves it for the next to adopt. */
  async release(): Promise<void> {
    const isEmpty = (await segmentsIn(this.path)).length === 0;
    if (isEmpty) await rm(this.path, { recursive: true, force: true });
    else await writeFile(join(this.path, OWNER_FILE), JSON.stringify(NOBODY), { flush: true });
  }
}

async function isLeftBehind(folder: string): Promise<boolean> {
  const file = join(folder, OWNER_FILE);
  try {
    const owner = JSON.parse(await readFile(file, 'utf8')) as JournalOwner;
    if (owner.pid === NOBODY.pid) return true;
    const alive = await isAlive(owner);
    return alive === undefined ? Date.now() - (await stat(file)).mtimeMs > SILENCE_MS : !alive;
  } catch {
    // Moved away by another adopter, or no folder of a journal.
    return false;
  }
}

async function segmentsIn(folder: string): Promise<FoundSegment[]> {
  const names = await readdir(folder, { recursive: true });
  const paths = names.filter((name) => name.endsWith(SEGMENT_SUFFIX)).map((name) => join(folder, name));
  return Promise.all(paths.map(async (path) => ({ path, bytes: (await stat(path)).size })));
}
