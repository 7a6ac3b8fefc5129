import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { syncFolder } from '../sync-folder.js';
import { digestHash } from './digest.js';
import { DigestStore } from './digest.store.js';
import { formatManifest, parseManifest } from './store-manifest.js';

const MANIFEST = 'manifest.json';
const LINES = '.ndjson';

/**
 * Stores digests in a file for each trail, one line for each digest. A digest counts as stored when it is on disk. Each
 * replica has its own file, so an attacker who changes the database must also change the disks of all replicas.
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
    await this.removeIncompleteLine(log);
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
    // Processes on one machine share the file. Each appends the lines that it has not seen there, so a line may occur
    // again, also after later lines. A line that a crash has cut is appended again completely.
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
    const names = await readdir(this.folder).catch(emptyIfMissing);
    return names.filter((name) => name.endsWith(LINES)).map((name) => name.slice(0, -LINES.length));
  }

  async pinned(): Promise<string | undefined> {
    const text = await readFile(join(this.folder, MANIFEST), 'utf8').catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    return text === undefined ? undefined : parseManifest(text);
  }

  async pin(log: string): Promise<void> {
    const draft = join(this.folder, `${MANIFEST}.${randomUUID()}`);
    const file = await open(draft, 'wx', 0o640);
    try {
      await file.writeFile(formatManifest(log));
      await file.datasync();
    } finally {
      await file.close();
    }
    try {
      // `link` fails if the file exists, and the file is never visible with partial content.
      await link(draft, join(this.folder, MANIFEST));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      await rm(draft);
    }
    await syncFolder(this.folder);
  }

  private async removeIncompleteLine(log: string): Promise<void> {
    const content = await readFile(this.pathOf(log)).catch(() => Buffer.alloc(0));
    const end = content.lastIndexOf('\n') + 1;
    if (end < content.length) await truncate(this.pathOf(log), end);
  }

  private pathOf(log: string): string {
    return join(this.folder, `${log}${LINES}`);
  }
}

const isMissing = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT';

function emptyIfMissing(error: unknown): string[] {
  if (isMissing(error)) return [];
  throw error;
}
