import { open, readFile, unlink, type FileHandle } from 'node:fs/promises';
import { readRecords, type ReadRecords } from './journal-record.js';

/** One file of the journal. One process appends to it. It is deleted when all its records are in the database. */
export class Segment {
  private handle: FileHandle | undefined;
  /** Number of records that are also in memory and not in the database yet. */
  private inFlight = 0;
  private hasDiskOnlyRecords = false;

  private constructor(
    readonly path: string,
    private bytes: number,
  ) {}

  static async create(path: string): Promise<Segment> {
    const segment = new Segment(path, 0);
    segment.handle = await open(path, 'wx', 0o600);
    return segment;
  }

  /** Creates the segment of a dead process. All its records must still be stored. */
  static fromOrphan(path: string, bytes: number): Segment {
    const segment = new Segment(path, bytes);
    segment.hasDiskOnlyRecords = true;
    return segment;
  }

  get size(): number {
    return this.bytes;
  }

  get isClosed(): boolean {
    return this.handle === undefined;
  }

  /** Whether it contains records that are only on disk and must be read again. */
  get needsReplay(): boolean {
    return this.hasDiskOnlyRecords;
  }

  /** Whether all its records are in the database. */
  get isStored(): boolean {
    return this.inFlight === 0 && !this.hasDiskOnlyRecords;
  }

  /** Appends bytes, and resolves when they are on disk. After a failure the file is truncated to its old size. */
  async append(bytes: Buffer): Promise<void> {
    const handle = this.handle;
    if (!handle) throw new Error(`the segment ${this.path} is closed`);
    try {
      for (let written = 0; written < bytes.length;) {
        const part = await handle.write(bytes, written, bytes.length - written, this.bytes + written);
        written += part.bytesWritten;
      }
      await handle.datasync();
    } catch (error) {
      await handle.truncate(this.bytes).catch(() => undefined);
      throw error;
    }
    this.bytes += bytes.length;
  }

  retain(count: number): void {
    this.inFlight += count;
  }

  release(count = 1): void {
    this.inFlight -= count;
  }

  /** Marks that a record is not in memory, because the limit of pending events is reached. */
  markDiskOnly(): void {
    this.hasDiskOnlyRecords = true;
  }

  read(): Promise<ReadRecords> {
    return readFile(this.path).then(readRecords);
  }

  markReplayed(): void {
    this.hasDiskOnlyRecords = false;
  }

  async close(): Promise<void> {
    const handle = this.handle;
    this.handle = undefined;
    await handle?.close();
  }

  async remove(): Promise<void> {
    await this.close();
    await unlink(this.path);
  }
}
