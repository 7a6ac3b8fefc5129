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

/** How a run ended. */
export interface RunOutcome {
  readonly hasFailed: boolean;
  /** Pause before the next run of any replica; undefined where it follows from the period. */
  readonly retryMs?: number;
}

/** The right to run a task, renewed until the run has ended. Another replica may run it when the lease has ended. */
export class TaskLease {
  /** Called when another replica may have taken the task over. */
  onLost: (reason: Error) => void = () => undefined;
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

  /** Ends the lease. Never rejects: where the database is away, the lease ends by itself. */
  async release({ hasFailed, retryMs }: RunOutcome): Promise<void> {
    this.isReleased = true;
    clearTimeout(this.timer);
    const { task, holder, logger } = this.options;
    await this.database
      .query(this.statements.release, [task, holder, hasFailed, retryMs ?? null])
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
    else this.onLost(new Error(`The run of the periodic task ${task} is not this replica's any more: ${reason}.`));
  }
}
