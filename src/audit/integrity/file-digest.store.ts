import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { syncFolder } from '../sync-folder.js';
import { digestHash } from './digest.js';
import { DigestStore } from './digest.store.js';
import { manifestOf, pinnedIn } from './store-manifest.js';

const MANIFEST = 'manifest.json';
const LINES = '.ndjson';

/**
 * One file a trail, one line a digest, each on the disk before it counts. Every replica keeps a file of its own, so that
 * who forges the database would have to change the disks of all of them.
 *
 * @publicApi
 */
export class FileDigestStore extends DigestStore {
  constructor(private readonly folder: string) {
    super();
  }

  async last(log: string): Promise<string | undefined> {
    let last: string | undefined;
    for await (const line of this.lines(log)) last = line;
    return last;
  }

  async append(log: string, _seq: number, line: string): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await this.cutTornEnd(log);
    const file = await open(this.pathOf(log), 'a', 0o640);
    try {
      await file.writeFile(`${line}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
    await syncFolder(this.folder);
  }

  async *lines(log: string): AsyncGenerator<string> {
    const input = createReadStream(this.pathOf(log), 'utf8');
    // Processes on one machine share the file, and each brings what it has not seen there: a line may come again, also
    // after later ones. What was cut off by a crash comes again whole.
    const seen = new Set<string>();
    try {
      for await (const line of createInterface({ input, crlfDelay: Infinity })) {
        const hash = digestHash(line);
        if (!line.endsWith('"}') || seen.has(hash)) continue;
        seen.add(hash);
        yield line;
      }
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  async logs(): Promise<readonly string[]> {
    const names = await readdir(this.folder).catch(emptyWhereMissing);
    return names.filter((name) => name.endsWith(LINES)).map((name) => name.slice(0, -LINES.length));
  }

  async pinned(): Promise<string | undefined> {
    const text = await readFile(join(this.folder, MANIFEST), 'utf8').catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    return text === undefined ? undefined : pinnedIn(text);
  }

  async pin(log: string): Promise<void> {
    const draft = join(this.folder, `${MANIFEST}.${randomUUID()}`);
    const file = await open(draft, 'wx', 0o640);
    try {
      await file.writeFile(manifestOf(log));
      await file.datasync();
    } finally {
      await file.close();
    }
    try {
      // A link is made once, and whole.
      await link(draft, join(this.folder, MANIFEST));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      await rm(draft);
    }
    await syncFolder(this.folder);
  }

  private async cutTornEnd(log: string): Promise<void> {
    const content = await readFile(this.pathOf(log)).catch(() => Buffer.alloc(0));
    const end = content.lastIndexOf('\n') + 1;
    if (end < content.length) await truncate(this.pathOf(log), end);
  }

  private pathOf(log: string): string {
    return join(this.folder, `${log}${LINES}`);
  }
}

const isMissing = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT';

function emptyWhereMissing(error: unknown): string[] {
  if (isMissing(error)) return [];
  throw error;
}
