import { mkdir, open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../sync-folder.js';
import type { AuditSink, DeliveredEvent } from './audit-sink.js';

/** @publicApi */
export interface FileSinkOptions {
  /** Folder of the files. It is created if it is missing, with access for this user only. */
  folder: string;
  /** Maximum size of a file, in bytes. A new day (UTC) also starts a new file. @default 64 MiB */
  maxBytes?: number;
  /** @default 'file' */
  name?: string;
}

const FILE_NAME = /^audit-(\d{4}-\d{2}-\d{2})\.(\d{6})\.ndjson$/;
const NEWLINE = 0x0a;
const TAIL_BYTES = 64 * 1024;

/**
 * Writes a line of JSON for each event, to files `audit-<day>.<number>.ndjson`. Events count as stored when they are on
 * disk (`fdatasync`). If a write fails, for example on a full disk, the file is truncated to its old size, so no
 * partial line remains.
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
    const { handle, size } = await this.openFileFor(bytes.length);
    try {
      for (let written = 0; written < bytes.length;) {
        const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, size + written);
        written += bytesWritten;
      }
      await handle.datasync();
    } catch (error) {
      await handle.truncate(size).catch(() => undefined);
      // The next write opens the file again. After a failed flush the kernel may treat unwritten pages as clean.
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const { file } = this;
    this.file = undefined;
    await file?.handle.close();
  }

  /**
   * Opens the file for the next lines. It reads the folder each time, because another process may have written to it.
   */
  private async openFileFor(bytes: number): Promise<{ handle: FileHandle; size: number }> {
    const day = new Date().toISOString().slice(0, 10);
    const number = await this.lastFileNumber(day);
    const last = await this.openFile(day, number);
    const isFull = last.size > 0 && last.size + bytes > this.maxBytes;
    return isFull ? this.openFile(day, number + 1) : last;
  }

  /** Number of the last file of a day. New lines are appended to it. */
  private async lastFileNumber(day: string): Promise<number> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const matches = (await readdir(this.folder)).map((name) => FILE_NAME.exec(name));
    return Math.max(1, ...matches.filter((match) => match?.[1] === day).map((match) => Number(match?.[2])));
  }

  private async openFile(day: string, number: number): Promise<{ handle: FileHandle; size: number }> {
    const path = join(this.folder, `audit-${day}.${String(number).padStart(6, '0')}.ndjson`);
    if (this.file?.path === path) return { handle: this.file.handle, size: (await this.file.handle.stat()).size };
    await this.close();
    const handle = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return open(path, 'wx+', 0o600);
      throw error;
    });
    this.file = { handle, path };
    const size = await completeLinesBytes(handle);
    await handle.truncate(size);
    await syncFolder(this.folder);
    return { handle, size };
  }
}

/** Size of the complete lines. An incomplete last line comes from a crash; its event is delivered again. */
async function completeLinesBytes(handle: FileHandle): Promise<number> {
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
