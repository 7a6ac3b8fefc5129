import { join } from 'node:path';
import { JournalFolder } from './journal-folder.js';
import { encodeRecord, MAXIMUM_RECORD_BYTES } from './journal-record.js';
import { Segment } from './segment.js';

export interface JournalLimits {
  /** A segment that has grown to this is followed by a new one. */
  readonly segmentBytes: number;
  /** Of all segments together. */
  readonly maxBytes: number;
}

/** The journal takes no more: its bound is reached, or the disk refuses. */
export class JournalUnavailableError extends Error {
  constructor(cause: unknown) {
    super(`the audit journal takes no record: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'JournalUnavailableError';
  }
}

interface Waiting {
  readonly bytes: Buffer;
  readonly resolve: (segment: Segment) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Records on the local disk, until the database has them. All that wait while the disk is busy go with its next turn,
 * so that a thousand records at once cost two flushes and not a thousand.
 */
export class Journal {
  private waiting: Waiting[] = [];
  private committing: Promise<void> | undefined;
  private active: Segment | undefined;
  private readonly segments = new Set<Segment>();
  private count = 0;
  private latest: Promise<Segment> | undefined;
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

  /** Answers with the segment that holds the record, once the disk has it. */
  append(text: string): Promise<Segment> {
    const bytes = encodeRecord(text);
    this.latest = new Promise((resolve, reject) => {
      this.waiting.push({ bytes, resolve, reject });
      this.committing ??= this.commit();
    });
    return this.latest;
  }

  /** Resolves when all that waits for the disk now has its answer; turns come in order. */
  async settled(): Promise<void> {
    await this.latest?.catch(() => undefined);
  }

  /** Takes over what dead processes have left. Answers with the number of segments. */
  async recoverOrphans(): Promise<number> {
    const found = await this.folder.recoverOrphans();
    for (const { path, bytes } of found) this.segments.add(Segment.left(path, bytes));
    return found.length;
  }

  beat(): Promise<void> {
    return this.folder.beat();
  }

  /** Segments with records that are on disk only. */
  get toReplay(): number {
    let count = 0;
    for (const segment of this.segments) if (segment.isToBeReplayed) count++;
    return count;
  }

  /** A segment with records that are on disk only. The active one is closed for it, by the next turn where one is due. */
  async nextToReplay(): Promise<Segment | undefined> {
    for (const segment of this.segments) {
      if (!segment.isToBeReplayed) continue;
      while (segment === this.active && this.committing) {
        this.isRotationDue = true;
        await this.settled();
      }
      if (segment === this.active) await this.closeActive();
      return segment;
    }
    return undefined;
  }

  /** Removes the closed segments that the database has all of. */
  async removeStored(): Promise<void> {
    for (const segment of this.segments) {
      if (segment.isClosed && segment.isStored) await this.remove(segment);
    }
  }

  /** Closes, when nobody appends any more; leaves nothing behind where the database has everything. */
  async close(): Promise<void> {
    while (this.committing) await this.committing;
    await this.closeActive();
    await this.removeStored();
    await this.folder.release();
  }

  /** In turns: whatever came while the disk was busy is the next turn. Starts later, so that one tick is one turn. */
  private async commit(): Promise<void> {
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const turn = this.waiting.splice(0);
      try {
        const bytes = Buffer.concat(turn.map((one) => one.bytes));
        const segment = await this.write(bytes, turn.length);
        for (const { resolve } of turn) resolve(segment);
      } catch (error) {
        const refusal = new JournalUnavailableError(error);
        for (const { reject } of turn) reject(refusal);
      }
    }
    // In the same tick as the look at what waits, so that nothing comes in between and stays.
    this.committing = undefined;
  }

  private async write(bytes: Buffer, count: number): Promise<Segment> {
    const { segmentBytes, maxBytes } = this.limits;
    if (this.isRotationDue) await this.closeActive();
    if (this.bytes + bytes.length > maxBytes) {
      throw new Error(`it holds ${this.bytes} bytes and may hold ${maxBytes}`);
    }
    const segment = this.active ?? (await this.openSegment());
    segment.enter(count);
    try {
      await segment.append(bytes);
    } catch (error) {
      segment.leave(count);
      // After a failed flush the kernel may take for clean what never reached the disk: this file is not written again.
      await this.closeActive();
      if (segment.size === 0) await this.remove(segment);
      throw error;
    }
    if (segment.size >= segmentBytes) await this.closeActive();
    return segment;
  }

  private async openSegment(): Promise<Segment> {
    this.count++;
    const segment = await Segment.create(join(this.folder.path, `${String(this.count).padStart(9, '0')}.seg`));
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

/** Whether the text fits into one record. */
export function fitsRecord(text: string): boolean {
  return text.length * 3 <= MAXIMUM_RECORD_BYTES || Buffer.byteLength(text) <= MAXIMUM_RECORD_BYTES;
}
