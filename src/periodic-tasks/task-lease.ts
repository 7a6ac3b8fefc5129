import type { Logger } from '@nestjs/common';

/** What runs a statement, such as a `DataSource` of TypeORM. */
export interface TaskDatabase {
  query(sql: string, values: unknown[]): Promise<unknown>;
}

export interface LeaseStatements {
  readonly renew: string;
  readonly release: string;
}

interface LeaseOptions {
  readonly task: string;
  /** Of this run alone, so that a run whose lease was lost changes nothing of the next one. */
  readonly holder: string;
  readonly leaseMs: number;
  /** Monotonic time before the claim was sent. */
  readonly claimedAt: number;
  readonly logger: Logger;
}

/** How a run ended; `stopped`, by the shutdown and before it was done. */
type RunOutcome = 'succeeded' | 'failed' | 'stopped';

/** The right to run a task, renewed until the run has ended. Another replica may run it when the lease has ended. */
export class TaskLease {
  private controller: AbortController | undefined;
  private renewal: NodeJS.Timeout | undefined;
  private expiry: NodeJS.Timeout | undefined;
  private renewalError: unknown;
  private isReleased = false;

  constructor(
    private readonly database: TaskDatabase,
    private readonly statements: LeaseStatements,
    private readonly options: LeaseOptions,
  ) {}

  /**
   * Runs `run` under the lease, and ends the lease. The controller is aborted when another replica may have taken the task
   * over.
   *
   * @param run answers whether it was done; it is not where the shutdown has stopped it
   * @param retryMs pause between a failure and the next run of any replica; without it, the period decides
   * @throws what `run` throws
   */
  async hold(controller: AbortController, run: () => Promise<boolean>, retryMs?: number): Promise<void> {
    this.controller = controller;
    this.abortAt(this.options.claimedAt + this.options.leaseMs);
    this.renewLater();
    try {
      const isDone = await run();
      if (isDone) await this.release('succeeded');
      else await this.release('stopped', 0);
    } catch (error) {
      await this.release('failed', retryMs);
      throw error;
    }
  }

  /** Never rejects: where the database is away, the lease ends by itself. */
  private async release(outcome: RunOutcome, retryMs?: number): Promise<void> {
    this.isReleased = true;
    clearTimeout(this.renewal);
    clearTimeout(this.expiry);
    const { task, holder, logger } = this.options;
    await this.database
      .query(this.statements.release, [task, holder, outcome, retryMs ?? null])
      .catch((error: unknown) =>
        logger.warn({ err: error, task, msg: `the end of a run of the periodic task ${task} could not be stored` }),
      );
  }

  private renewLater(): void {
    this.renewal = setTimeout(() => void this.renew(), this.options.leaseMs / 3).unref();
  }

  private async renew(): Promise<void> {
    const { task, holder, leaseMs } = this.options;
    const sentAt = performance.now();
    let isHeld = true;
    try {
      const [row] = (await this.database.query(this.statements.renew, [task, holder, leaseMs])) as { count: number }[];
      isHeld = row?.count === 1;
      if (isHeld) this.abortAt(sentAt + leaseMs);
    } catch (error) {
      this.renewalError = error;
    }
    if (this.isReleased) return;
    if (isHeld) this.renewLater();
    else this.abort('another replica has taken it over');
  }

  /**
   * A timer, because a statement over a broken connection fails only after its own time limit.
   *
   * @param time monotonic time until which no other replica takes the task
   */
  private abortAt(time: number): void {
    if (this.isReleased) return;
    clearTimeout(this.expiry);
    const abort = () => this.abort('the lease could not be renewed in time');
    this.expiry = setTimeout(abort, time - performance.now()).unref();
  }

  private abort(reason: string): void {
    const message = `This replica does not hold the periodic task ${this.options.task} any more: ${reason}.`;
    this.controller?.abort(new Error(message, { cause: this.renewalError }));
  }
}
