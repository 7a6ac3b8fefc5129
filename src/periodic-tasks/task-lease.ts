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
  private timer: NodeJS.Timeout | undefined;
  private isReleased = false;
  /** Monotonic time until which no other replica takes the task. */
  private endsAt: number;

  constructor(
    private readonly database: TaskDatabase,
    private readonly statements: LeaseStatements,
    private readonly options: LeaseOptions,
  ) {
    this.endsAt = options.claimedAt + options.leaseMs;
    this.renewLater();
  }

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
    clearTimeout(this.timer);
    const { task, holder, logger } = this.options;
    await this.database
      .query(this.statements.release, [task, holder, outcome, retryMs ?? null])
      .catch((error: unknown) =>
        logger.warn({ err: error, task, msg: `the end of a run of the periodic task ${task} could not be stored` }),
      );
  }

  private renewLater(): void {
    this.timer = setTimeout(() => void this.renew(), this.options.leaseMs / 3).unref();
  }

  private async renew(): Promise<void> {
    const { task, holder, leaseMs } = this.options;
    const sentAt = performance.now();
    let reason = '';
    try {
      const [row] = (await this.database.query(this.statements.renew, [task, holder, leaseMs])) as { count: number }[];
      if (row?.count === 1) this.endsAt = sentAt + leaseMs;
      else reason = 'another replica has taken it over';
    } catch (error) {
      if (performance.now() > this.endsAt) reason = `the lease could not be renewed: ${(error as Error).message}`;
    }
    if (this.isReleased) return;
    if (reason === '') this.renewLater();
    else this.controller?.abort(new Error(`This replica does not hold the periodic task ${task} any more: ${reason}.`));
  }
}
