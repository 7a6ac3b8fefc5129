import { Logger } from '@nestjs/common';
import type { PeriodicTaskRunner, PeriodicTasks } from '../periodic-tasks/index.js';
import type { Journal } from './journal/journal.js';
import type { Segment } from './journal/segment.js';
import { isRefusal, type AuditStore } from './audit.store.js';

/** An event on its way to the database. */
export interface PendingEvent {
  readonly line: string;
  /** Segment of the journal that holds it too. */
  readonly segment?: Segment;
  /** Told once: the event is in the database, or the first try to put it there has failed. */
  readonly settle?: (error?: unknown) => void;
}

export interface WriterOptions {
  readonly batchSize: number;
  readonly flushIntervalMs: number;
  readonly maxPending: number;
  readonly tasks: PeriodicTasks;
  /** The database refuses an event for what it is. */
  readonly onRefused: (line: string, error: unknown) => void;
  readonly onDamage: (records: number, bytes: number) => void;
}

/** Of what has come together while the database was busy or away, one statement takes so many: it costs half as much. */
const FULL_STATEMENT = 1_000;

/** Statements at once where that is not enough. Each has a connection and a server process, and so a core, of its own. */
const STATEMENTS_AT_ONCE = 2;

const MIN_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

/** Takes events to the database, in batches, and tries again for as long as it is away. */
export class AuditWriter {
  private readonly logger = new Logger('Audit');
  private pending: PendingEvent[] = [];
  /** Taken from those, and on their way. */
  private underway = 0;
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
    return this.pending.length + this.underway;
  }

  get isFull(): boolean {
    return this.size >= this.options.maxPending;
  }

  private get statementSize(): number {
    return Math.max(this.options.batchSize, FULL_STATEMENT);
  }

  add(event: PendingEvent): void {
    this.pending.push(event);
    if (this.pending.length >= this.options.batchSize) this.writing.wake();
  }

  /** Resolves when the event stands in the database, which is tried at once; rejects when that fails. */
  addUrgent(line: string): Promise<void> {
    if (this.isStopped) return Promise.reject(new Error('the application has ended'));
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown) => (error === undefined ? resolve() : reject(error as Error));
      this.pending.unshift({ line, settle });
      this.writing.runNow().catch(() => undefined);
    });
  }

  /** Writes what is pending now. Resolves when it stands in the database, rejects when it could not. */
  flush(): Promise<void> {
    return this.writing.runNow();
  }

  /** Ends the tries. Answers with the events that nothing but memory holds. */
  stop(): string[] {
    this.isStopped = true;
    void this.writing.stop().catch(() => undefined);
    return this.pending.filter(({ segment }) => !segment).map(({ line }) => line);
  }

  /**
   * Writes what is there when it begins, in memory and then in the journal, and ends, whatever comes meanwhile: neither
   * does the one wait for ever for an end of the other, nor who asked for it for an end of both.
   */
  private async writeAll(): Promise<void> {
    const journal = this.journal();
    await this.writePending();
    for (let left = journal?.toReplay ?? 0; left > 0; left--) {
      const segment = await journal?.nextToReplay();
      if (segment) await this.replay(segment);
    }
    await journal?.removeStored();
  }

  private async writePending(): Promise<void> {
    for (let left = this.pending.length; left > 0;) {
      const batches = this.nextBatches();
      left -= this.underway;
      const results = await Promise.allSettled(batches.map((batch) => this.storeBatch(batch)));
      this.underway = 0;
      const failed = results.find((result) => result.status === 'rejected');
      if (!failed) continue;
      const kept = batches.filter((_batch, i) => results[i]?.status === 'rejected').flat();
      // Whoever waits is told now, and not after tries that may take as long as the database is away.
      this.pending = [...kept, ...this.pending].map(({ line, segment, settle }) => {
        settle?.(failed.reason);
        return segment ? { line, segment } : { line };
      });
      throw failed.reason;
    }
  }

  /** One statement, or several where all of them are full. */
  private nextBatches(): PendingEvent[][] {
    const count = Math.floor(this.pending.length / this.statementSize);
    const batches = Array.from({ length: Math.min(Math.max(count, 1), STATEMENTS_AT_ONCE) }, () =>
      this.pending.splice(0, this.statementSize),
    );
    for (const batch of batches) this.underway += batch.length;
    return batches;
  }

  private async storeBatch(batch: readonly PendingEvent[]): Promise<void> {
    await this.insert(batch.map(({ line }) => line));
    for (const { segment, settle } of batch) {
      segment?.leave();
      settle?.();
    }
  }

  /** Stores a whole segment. What memory holds of it as well, or the database already has, is told by its id. */
  private async replay(segment: Segment): Promise<void> {
    const { records, damaged, tornBytes } = await segment.read();
    for (let start = 0; start < records.length; start += this.statementSize) {
      await this.insert(records.slice(start, start + this.statementSize));
      // Nobody waits for the past.
      await this.writePending();
    }
    segment.replayed();
    if (damaged > 0 || tornBytes > 0) {
      this.logger.warn({ path: segment.path, damaged, tornBytes, msg: 'a segment of the audit journal was not whole' });
      this.options.onDamage(damaged, tornBytes);
    }
    await this.journal()?.removeStored();
  }

  /** One event that the database refuses for what it is must not hold up the others: it is found and set aside. */
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
