import { Logger } from '@nestjs/common';
import { DEGRADED_AFTER_MS } from './periodic-task.options.js';

/** How a task is doing, as this replica knows it. @publicApi */
export interface PeriodicTaskStatus {
  readonly isRunning: boolean;
  /** End of the last run that succeeded; with scope `cluster`, on any replica. */
  readonly lastSuccess: Date | undefined;
  readonly consecutiveFailures: number;
  /** What the last run of this replica failed with; undefined when the last run succeeded. */
  readonly lastError: string | undefined;
}

/** Where a record reports the end of each run. */
export interface TaskObserver {
  runEnded(durationMs: number): void;
  failed(): void;
}

export interface TaskRecordOptions {
  readonly name: string;
  readonly degradedAfterMs?: number;
  /** A run that takes longer than this, and `degradedAfterMs` in addition, counts as hung. */
  readonly expectedMs: () => number;
  readonly observer?: TaskObserver;
}

/** What is known of the runs of a task: for health, metrics and the log. */
export class TaskRecord {
  private readonly logger = new Logger('PeriodicTasks');
  private startedAt: number | undefined;
  private failingSince: number | undefined;
  private lastSuccess: Date | undefined;
  private lastError: string | undefined;
  private failures = 0;

  constructor(private readonly options: TaskRecordOptions) {}

  get name(): string {
    return this.options.name;
  }

  get consecutiveFailures(): number {
    return this.failures;
  }

  get status(): PeriodicTaskStatus {
    const { lastSuccess, lastError } = this;
    return {
      isRunning: this.startedAt !== undefined,
      lastSuccess,
      consecutiveFailures: this.failures,
      lastError,
    };
  }

  /** Why the task is not well; undefined where it is. */
  get problem(): string | undefined {
    const { degradedAfterMs = DEGRADED_AFTER_MS } = this.options;
    const now = performance.now();
    if (this.failingSince !== undefined && now - this.failingSince >= degradedAfterMs) return 'fails';
    const limitMs = this.options.expectedMs() + degradedAfterMs;
    return this.startedAt !== undefined && now - this.startedAt > limitMs ? 'does not end' : undefined;
  }

  /**
   * Runs the task once and keeps how it went.
   *
   * @returns false where the run threw because the shutdown has stopped it, which is no failure
   * @throws what the run throws
   */
  async observe(run: () => unknown, isStopped: () => boolean): Promise<boolean> {
    const startedAt = performance.now();
    this.startedAt = startedAt;
    try {
      await run();
      this.succeeded(new Date());
      return true;
    } catch (error) {
      if (isStopped()) {
        this.logger.debug({ err: error, task: this.name, msg: `the periodic task ${this.name} ended at shutdown` });
        return false;
      }
      this.failed(error);
      throw error;
    } finally {
      this.startedAt = undefined;
      this.options.observer?.runEnded(performance.now() - startedAt);
    }
  }

  /** Counts a failure, and logs it unless the one before was the same. */
  failed(error: unknown): void {
    const reason = error instanceof Error ? error.message || error.name : String(error);
    const isKnown = this.failures > 0 && this.lastError === reason;
    this.failures++;
    this.failingSince ??= performance.now();
    this.lastError = reason;
    this.options.observer?.failed();
    const line = { err: error, task: this.name, msg: `the periodic task ${this.name} failed; it is tried again` };
    if (isKnown) this.logger.debug(line);
    else this.logger.error(line);
  }

  /** Takes over what the database knows of the runs of all replicas. */
  synchronize({ failures, lastSuccess }: { failures: number; lastSuccess: Date | undefined }): void {
    if (failures === 0) this.recovered();
    else this.failingSince ??= performance.now();
    this.failures = failures;
    this.lastSuccess = lastSuccess;
  }

  private succeeded(at: Date): void {
    this.recovered();
    this.lastSuccess = at;
  }

  private recovered(): void {
    if (this.failures > 0) {
      this.logger.log(`the periodic task ${this.name} works again after ${this.failures} failures`);
    }
    this.failures = 0;
    this.failingSince = undefined;
    this.lastError = undefined;
  }
}
