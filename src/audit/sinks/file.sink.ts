import { mkdir, open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../sync-folder.js';
import type { AuditSink, DeliveredEvent } from './audit-sink.js';

/** @publicApi */
export interface FileSinkOptions {
  /** Folder of the files; made when it is missing, for this user alone. */
  folder: string;
  /** Size at which a file is followed by the next, in bytes. A new day (UTC) begins a new file as well. @default 64 MiB */
  maxBytes?: number;
  /** @default 'file' */
  name?: string;
}

const FILE = /^audit-(\d{4}-\d{2}-\d{2})\.(\d{6})\.ndjson$/;
const NEWLINE = 0x0a;
const TAIL_BYTES = 64 * 1024;

/**
 * A line of JSON for each event, in files `audit-<day>.<number>.ndjson`. Events count as kept once the disk has them
 * (`fdatasync`). A write that fails, as on a full disk, leaves no half line: the file is cut back to where it was.
 *
 * @publicApi
 */
export class FileSink implements AuditSink {
  readonly name: string;
  private readonly folder: string;
  private readonly maxBytes: number;
  private file: { handle: FileHandle; path: string } | undefined;

  constructor({ folder, maxBytes = 64 * 1024 * 1024, name = 'file' }: FileSinkOptions) {
    this.folder = folder;
    this.maxBytes = maxBytes;
    this.name = name;
  }

  async write(events: readonly DeliveredEvent[]): Promise<void> {
    const bytes = Buffer.from(events.map(({ event }) => `${JSON.stringify(event)}\n`).join(''));
    const { handle, size } = await this.fileFor(bytes.length);
    try {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, size + done);
        done += bytesWritten;
      }
      await handle.datasync();
    } catch (error) {
      await handle.truncate(size).catch(() => undefined);
      // Opened anew for the next try: after a failed flush the kernel may hold for written what never reached the disk.
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const { file } = this;
    this.file = undefined;
    await file?.handle.close();
  }

  /** Where the next lines go. Looked up each time, because another process may have written meanwhile. */
  private async fileFor(bytes: number): Promise<{ handle: FileHandle; size: number }> {
    const day = new Date().toISOString().slice(0, 10);
    const number = await this.lastOf(day);
    const last = await this.opened(day, number);
    const isFull = last.size > 0 && last.size + bytes > this.maxBytes;
    return isFull ? this.opened(day, number + 1) : last;
  }

  /** Number of the file of a day that was written last, which is gone on with. */
  private async lastOf(day: string): Promise<number> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const matches = (await readdir(this.folder)).map((name) => FILE.exec(name));
    return Math.max(1, ...matches.filter((match) => match?.[1] === day).map((match) => Number(match?.[2])));
  }

  private async opened(day: string, number: number): Promise<{ handle: FileHandle; size: number }> {
    const path = join(this.folder, `audit-${day}.${String(number).padStart(6, '0')}.ndjson`);
    if (this.file?.path === path) return { handle: this.file.handle, size: (await this.file.handle.stat()).size };
    await this.close();
    const handle = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return open(path, 'wx+', 0o600);
      throw error;
    });
    this.file = { handle, path };
    const size = await wholeLinesOf(handle);
    await handle.truncate(size);
    await syncFolder(this.folder);
    return { handle, size };
  }
}

/** Size without a line at the end that a crash cut short; what it was a part of was not acknowledged, and comes again. */
async function wholeLinesOf(handle: FileHandle): Promise<number> {
  for (let end = (await handle.stat()).size; end > 0;) {
    const start = Math.max(0, end - TAIL_BYTES);
    const part = Buffer.alloc(end - start);
    await handle.read(part, 0, part.length, start);
    const last = part.lastIndexOf(NEWLINE);
    if (last >= 0) return start + last + 1;
    end = start;
  }
  return 0;
}
