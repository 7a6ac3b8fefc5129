import { Logger } from '@nestjs/common';
import type { PeriodicTaskRunner, PeriodicTasks } from '../periodic-tasks/index.js';
import type { Journal } from './journal/journal.js';
import type { Segment } from './journal/segment.js';
import { isRefusal, type AuditStore } from './audit.store.js';

/** An event that is not in the database yet. */
export interface PendingEvent {
  readonly line: string;
  /** Segment of the journal that contains the event too. */
  readonly segment?: Segment;
  /** Called once: without an error when the event is in the database, or with the error of the first failed write. */
  readonly settle?: (error?: unknown) => void;
}

export interface WriterOptions {
  readonly batchSize: number;
  readonly flushIntervalMs: number;
  readonly maxPending: number;
  readonly tasks: PeriodicTasks;
  /** The database rejects the data of an event. */
  readonly onRefused: (line: string, error: unknown) => void;
  readonly onDamage: (records: number, bytes: number) => void;
}

/** Larger statements cost less for each event. They occur when many events are pending. */
const MAX_EVENTS_PER_STATEMENT = 1_000;

/**
 * Parallel statements when more than one full statement is pending. Each uses its own connection and server process.
 */
const MAX_CONCURRENT_STATEMENTS = 2;

const MIN_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

/** Writes events to the database in batches, and retries while the database is unavailable. */
export class AuditWriter {
  private readonly logger = new Logger('Audit');
  private pending: PendingEvent[] = [];
  /** Number of events in the statements that are running. */
  private inFlight = 0;
  private readonly writing: PeriodicTaskRunner;
  private isStopped = false;

  constructor(
    private readonly store: AuditStore,
    private readonly journal: () => Journal | undefined,
    private readonly options: WriterOptions,
  ) {
    this.writing = options.tasks.add({
      name: 'audit-writer',
      everyMs: options.flushIntervalMs,
      retryMinMs: MIN_RETRY_MS,
      retryMaxMs: MAX_RETRY_MS,
      run: () => this.writeAll(),
      runsUntilClose: true,
    });
  }

  get isStoreDown(): boolean {
    return this.writing.status.consecutiveFailures > 0;
  }

  get size(): number {
    return this.pending.length + this.inFlight;
  }

  get isFull(): boolean {
    return this.size >= this.options.maxPending;
  }

  private get eventsPerStatement(): number {
    return Math.max(this.options.batchSize, MAX_EVENTS_PER_STATEMENT);
  }

  add(event: PendingEvent): void {
    this.pending.push(event);
    if (this.pending.length >= this.options.batchSize) this.writing.wake();
  }

  /** Writes an event at once. Resolves when it is in the database, rejects if the first write fails. */
  addUrgent(line: string): Promise<void> {
    if (this.isStopped)
      return Promise.reject(new Error('the audit writer has stopped, because the application shuts down'));
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown) => (error === undefined ? resolve() : reject(error as Error));
      this.pending.unshift({ line, settle });
      this.writing.runNow().catch(() => undefined);
    });
  }

  /** Writes all pending events. Resolves when they are in the database, rejects if that fails. */
  flush(): Promise<void> {
    return this.writing.runNow();
  }

  /** Stops writing. Returns the events that are only in memory. */
  stop(): string[] {
    this.isStopped = true;
    void this.writing.stop().catch(() => undefined);
    return this.pending.filter(({ segment }) => !segment).map(({ line }) => line);
  }

  /**
   * Writes the events in memory, then the events that are only in the journal. It counts each part before it starts,
   * and does not wait for events that arrive later. So it ends even if events arrive all the time.
   */
  private async writeAll(): Promise<void> {
    const journal = this.journal();
    await this.writePending();
    for (let remaining = journal?.replayCount ?? 0; remaining > 0; remaining--) {
      const segment = await journal?.nextToReplay();
      if (segment) await this.replay(segment);
    }
    await journal?.removeStored();
  }

  private async writePending(): Promise<void> {
    for (let remaining = this.pending.length; remaining > 0;) {
      const batches = this.nextBatches();
      remaining -= this.inFlight;
      const results = await Promise.allSettled(batches.map((batch) => this.storeBatch(batch)));
      this.inFlight = 0;
      const failed = results.find((result) => result.status === 'rejected');
      if (!failed) continue;
      const kept = batches.filter((_batch, i) => results[i]?.status === 'rejected').flat();
      // Callers get the error now. The retries may take as long as the database is unavailable.
      this.pending = [...kept, ...this.pending].map(({ line, segment, settle }) => {
        settle?.(failed.reason);
        return segment ? { line, segment } : { line };
      });
      throw failed.reason;
    }
  }

  /** Returns one batch, or several batches if each of them is full. */
  private nextBatches(): PendingEvent[][] {
    const count = Math.floor(this.pending.length / this.eventsPerStatement);
    const batches = Array.from({ length: Math.min(Math.max(count, 1), MAX_CONCURRENT_STATEMENTS) }, () =>
      this.pending.splice(0, this.eventsPerStatement),
    );
    for (const batch of batches) this.inFlight += batch.length;
    return batches;
  }

  private async storeBatch(batch: readonly PendingEvent[]): Promise<void> {
    await this.insert(batch.map(({ line }) => line));
    for (const { segment, settle } of batch) {
      segment?.release();
      settle?.();
    }
  }

  /** Stores all events of a segment. The database ignores events that it already has, by their ids. */
  private async replay(segment: Segment): Promise<void> {
    const { records, damaged, incompleteBytes } = await segment.read();
    for (let start = 0; start < records.length; start += this.eventsPerStatement) {
      await this.insert(records.slice(start, start + this.eventsPerStatement));
      // New events must not wait until the whole segment is stored.
      await this.writePending();
    }
    segment.markReplayed();
    if (damaged > 0 || incompleteBytes > 0) {
      this.logger.warn({
        path: segment.path,
        damaged,
        incompleteBytes,
        msg: 'a segment of the audit journal is damaged: its intact records are stored',
      });
      this.options.onDamage(damaged, incompleteBytes);
    }
    await this.journal()?.removeStored();
  }

  /** Inserts events. If the database rejects one of them, a binary search finds it, and the others are still stored. */
  private async insert(lines: readonly string[]): Promise<void> {
    try {
      await this.store.insert(lines);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const [line = ''] = lines;
      if (lines.length === 1) {
        this.options.onRefused(line, error);
        return;
      }
      const middle = Math.ceil(lines.length / 2);
      await this.insert(lines.slice(0, middle));
      await this.insert(lines.slice(middle));
    }
  }
}
