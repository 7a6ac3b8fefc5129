import { join } from 'node:path';
import { JournalFolder } from './journal-folder.js';
import { encodeRecord, MAX_RECORD_BYTES } from './journal-record.js';
import { Segment } from './segment.js';

export interface JournalLimits {
  /** Size at which a new segment starts. */
  readonly segmentBytes: number;
  /** Maximum size of all segments together. */
  readonly maxBytes: number;
}

/** The journal cannot store a record: its size limit is reached, or the disk has failed. */
export class JournalUnavailableError extends Error {
  constructor(cause: unknown) {
    super(`the audit journal cannot store a record: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
    this.name = 'JournalUnavailableError';
  }
}

interface QueuedRecord {
  readonly bytes: Buffer;
  readonly resolve: (segment: Segment) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Keeps records on the local disk until the database has them. Records that arrive during a write are written together
 * by the next write. A thousand parallel records therefore need two flushes and not a thousand.
 */
export class Journal {
  private queue: QueuedRecord[] = [];
  private writing: Promise<void> | undefined;
  private active: Segment | undefined;
  private readonly segments = new Set<Segment>();
  private segmentCount = 0;
  private latestAppend: Promise<Segment> | undefined;
  private isRotationDue = false;

  private constructor(
    private readonly folder: JournalFolder,
    private readonly limits: JournalLimits,
  ) {}

  static async open(root: string, limits: JournalLimits): Promise<Journal> {
    return new Journal(await JournalFolder.claim(root), limits);
  }

  get bytes(): number {
    let sum = 0;
    for (const segment of this.segments) sum += segment.size;
    return sum;
  }

  /** Writes a record. Resolves with its segment when the record is on disk. */
  append(text: string): Promise<Segment> {
    const bytes = encodeRecord(text);
    this.latestAppend = new Promise((resolve, reject) => {
      this.queue.push({ bytes, resolve, reject });
      this.writing ??= this.writeQueue();
    });
    return this.latestAppend;
  }

  /**
   * Resolves when all records in the queue are written or rejected. Writes happen in order, so the last one is enough.
   */
  async waitForWrites(): Promise<void> {
    await this.latestAppend?.catch(() => undefined);
  }

  /** Recovers the segments of dead processes. Returns their number. */
  async recoverOrphans(): Promise<number> {
    const found = await this.folder.recoverOrphans();
    for (const { path, bytes } of found) this.segments.add(Segment.fromOrphan(path, bytes));
    return found.length;
  }

  sendHeartbeat(): Promise<void> {
    return this.folder.sendHeartbeat();
  }

  /** Number of segments that contain records which are only on disk. */
  get replayCount(): number {
    let count = 0;
    for (const segment of this.segments) if (segment.needsReplay) count++;
    return count;
  }

  /** Returns a segment with records that are only on disk. If it is the active segment, it is closed first. */
  async nextToReplay(): Promise<Segment | undefined> {
    for (const segment of this.segments) {
      if (!segment.needsReplay) continue;
      while (segment === this.active && this.writing) {
        this.isRotationDue = true;
        await this.waitForWrites();
      }
      if (segment === this.active) await this.closeActive();
      return segment;
    }
    return undefined;
  }

  /** Removes closed segments whose records are all in the database. */
  async removeStored(): Promise<void> {
    for (const segment of this.segments) {
      if (segment.isClosed && segment.isStored) await this.remove(segment);
    }
  }

  /** Closes the journal. The caller must not append any more. If all records are stored, no files remain. */
  async close(): Promise<void> {
    while (this.writing) await this.writing;
    await this.closeActive();
    await this.removeStored();
    await this.folder.release();
  }

  /**
   * Writes the queue in batches. A batch contains all records that arrived during the previous write. The first write
   * starts after the current tick, so that records of the same tick are one batch.
   */
  private async writeQueue(): Promise<void> {
    await Promise.resolve();
    while (this.queue.length > 0) {
      const batch = this.queue.splice(0);
      try {
        const bytes = Buffer.concat(batch.map((one) => one.bytes));
        const segment = await this.write(bytes, batch.length);
        for (const { resolve } of batch) resolve(segment);
      } catch (error) {
        const refusal = new JournalUnavailableError(error);
        for (const { reject } of batch) reject(refusal);
      }
    }
    // This runs in the same tick as the check of the queue. A record that arrives later starts a new write.
    this.writing = undefined;
  }

  private async write(bytes: Buffer, count: number): Promise<Segment> {
    const { segmentBytes, maxBytes } = this.limits;
    if (this.isRotationDue) await this.closeActive();
    if (this.bytes + bytes.length > maxBytes) {
      throw new Error(`it has ${this.bytes} bytes and the limit is ${maxBytes} bytes (journalMaxBytes)`);
    }
    const segment = this.active ?? (await this.openSegment());
    segment.retain(count);
    try {
      await segment.append(bytes);
    } catch (error) {
      segment.release(count);
      // After a failed flush the kernel may treat unwritten pages as clean. So this file is not written again.
      await this.closeActive();
      if (segment.size === 0) await this.remove(segment);
      throw error;
    }
    if (segment.size >= segmentBytes) await this.closeActive();
    return segment;
  }

  private async openSegment(): Promise<Segment> {
    this.segmentCount++;
    const segment = await Segment.create(join(this.folder.path, `${String(this.segmentCount).padStart(9, '0')}.seg`));
    this.segments.add(segment);
    this.active = segment;
    await this.folder.sync();
    return segment;
  }

  private async remove(segment: Segment): Promise<void> {
    this.segments.delete(segment);
    await segment.remove();
  }

  private async closeActive(): Promise<void> {
    const segment = this.active;
    this.active = undefined;
    this.isRotationDue = false;
    await segment?.close();
  }
}

/** Whether the text fits in one record. The first comparison avoids counting bytes. */
export function fitsRecord(text: string): boolean {
  return text.length * 3 <= MAX_RECORD_BYTES || Buffer.byteLength(text) <= MAX_RECORD_BYTES;
}
