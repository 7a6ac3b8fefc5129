import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from '../../common/index.js';
import { syncFolder } from '../sync-folder.js';
import { isAlive, thisProcess, type JournalOwner } from './journal-owner.js';

const OWNER_FILE = 'owner.json';
const TEMPORARY_PREFIX = '.new-';
const SEGMENT_SUFFIX = '.seg';

/** On a shared volume, an owner on another machine counts as dead if it sends no heartbeat for this time. */
const HEARTBEAT_TIMEOUT_MS = 60_000;

/** The content of the owner file after the owner has released the folder. */
const NO_OWNER = { host: '', pid: 0, startTicks: '' } satisfies JournalOwner;

export interface OrphanSegment {
  readonly path: string;
  readonly bytes: number;
}

/**
 * The journal folder of one process, a subfolder of the root that all processes share. Only its owner writes to it. To
 * recover the folder of a dead process, the owner moves that folder into its own. Only one process succeeds with this
 * move. If the owner dies too, the next process recovers both folders.
 */
export class JournalFolder {
  private constructor(
    private readonly root: string,
    readonly path: string,
  ) {}

  static async claim(root: string): Promise<JournalFolder> {
    await mkdir(root, { recursive: true, mode: 0o700 });
    const id = uuidv7();
    const temporaryPath = join(root, `${TEMPORARY_PREFIX}${id}`);
    const path = join(root, id);
    await mkdir(temporaryPath, { mode: 0o700 });
    await writeFile(join(temporaryPath, OWNER_FILE), JSON.stringify(await thisProcess()), { flush: true });
    // The folder gets its name when the owner file exists. Without an owner, another process would recover it.
    await rename(temporaryPath, path);
    await syncFolder(root);
    return new JournalFolder(root, path);
  }

  /** Recovers the folders of dead processes. Returns their segments, oldest first. */
  async recoverOrphans(): Promise<OrphanSegment[]> {
    const found: OrphanSegment[] = [];
    for (const name of await readdir(this.root)) {
      const source = join(this.root, name);
      if (name.startsWith(TEMPORARY_PREFIX) || !(await isOrphan(source))) continue;
      const target = join(this.path, name);
      const hasMoved = await rename(source, target).then(
        () => true,
        () => false,
      );
      if (hasMoved) found.push(...(await findSegments(target)));
    }
    if (found.length > 0) await syncFolder(this.path);
    return found.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** Writes the names of new files to the disk. */
  sync(): Promise<void> {
    return syncFolder(this.path);
  }

  /** Shows processes on other machines that this process is alive. */
  async sendHeartbeat(): Promise<void> {
    const now = new Date();
    await utimes(join(this.path, OWNER_FILE), now, now);
  }

  /**
   * Removes the folder if it contains no segments. Otherwise it marks the folder, so that another process recovers it.
   */
  async release(): Promise<void> {
    const isEmpty = (await findSegments(this.path)).length === 0;
    if (isEmpty) await rm(this.path, { recursive: true, force: true });
    else await writeFile(join(this.path, OWNER_FILE), JSON.stringify(NO_OWNER), { flush: true });
  }
}

async function isOrphan(folder: string): Promise<boolean> {
  const file = join(folder, OWNER_FILE);
  try {
    const owner = JSON.parse(await readFile(file, 'utf8')) as JournalOwner;
    if (owner.pid === NO_OWNER.pid) return true;
    const alive = await isAlive(owner);
    return alive === undefined ? Date.now() - (await stat(file)).mtimeMs > HEARTBEAT_TIMEOUT_MS : !alive;
  } catch {
    // Another process has moved the folder, or it is not a journal folder.
    return false;
  }
}

async function findSegments(folder: string): Promise<OrphanSegment[]> {
  const names = await readdir(folder, { recursive: true });
  const paths = names.filter((name) => name.endsWith(SEGMENT_SUFFIX)).map((name) => join(folder, name));
  return Promise.all(paths.map(async (path) => ({ path, bytes: (await stat(path)).size })));
}
