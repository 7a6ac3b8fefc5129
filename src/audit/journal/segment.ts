import { open, readFile, unlink, type FileHandle } from 'node:fs/promises';
import { readRecords, type ReadRecords } from './journal-record.js';

/** One file of the journal: written by one process, append-only, deleted when the database has all of it. */
export class Segment {
  private handle: FileHandle | undefined;
  /** Records that are in memory on their way to the database. */
  private underway = 0;
  private isSpilled = false;

  private constructor(
    readonly path: string,
    private bytes: number,
  ) {}

  static async create(path: string): Promise<Segment> {
    const segment = new Segment(path, 0);
    segment.handle = await open(path, 'wx', 0o600);
    return segment;
  }

  /** One that another process has left; all of it is still to be stored. */
  static left(path: string, bytes: number): Segment {
    const segment = new Segment(path, bytes);
    segment.isSpilled = true;
    return segment;
  }

  get size(): number {
    return this.bytes;
  }

  get isClosed(): boolean {
    return this.handle === undefined;
  }

  /** Holds records that are on disk only, and have to be read again. */
  get isToBeReplayed(): boolean {
    return this.isSpilled;
  }

  /** Nothing of it is missing in the database. */
  get isStored(): boolean {
    return this.underway === 0 && !this.isSpilled;
  }

  /** Appends, and resolves when the disk has it. What failed leaves no trace. */
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

  enter(count: number): void {
    this.underway += count;
  }

  leave(count = 1): void {
    this.underway -= count;
  }

  /** A record of it has no place in memory. */
  markDiskOnly(): void {
    this.isSpilled = true;
  }

  read(): Promise<ReadRecords> {
    return readFile(this.path).then(readRecords);
  }

  replayed(): void {
    this.isSpilled = false;
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
