import { randomUUID } from 'node:crypto';
import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { PeriodicTasksModuleOptions } from './periodic-task.options.js';
import { PERIODIC_TASKS_OPTIONS } from './periodic-tasks.module-definition.js';
import { TaskLease, type LeaseStatements, type TaskDatabase } from './task-lease.js';

export interface ClaimRequest {
  /** Time that must have passed since the last run began, in milliseconds. */
  readonly gapMs: number;
  readonly leaseMs: number;
  /** Whether the run is due whatever `gapMs` says; it still needs that no other replica runs. @default false */
  readonly isForced?: boolean;
}

/** The answer of the database: whether this replica runs the task now, and how the last runs of all replicas went. */
export interface Claim {
  /** Undefined where another replica runs the task, or has run it less than `gapMs` ago. */
  readonly lease: TaskLease | undefined;
  /** When the next run is due, or the lease of the one in flight ends. */
  readonly dueInMs: number;
  readonly failures: number;
  readonly lastSuccess: Date | undefined;
}

interface ClaimRow {
  readonly isMine: boolean;
  readonly dueInMs: number;
  readonly failures: number;
  readonly lastSuccess: Date | null;
}

const MS = `interval '1 millisecond'`;
const DUE_AT = `coalesce(known.retry_at, known.started_at + $3::float8 * ${MS})`;

/**
 * One statement, so that it also holds behind a pooler in transaction mode, and times of the database alone. A rival that
 * commits while the statement waits for the row is seen by its condition, but not by the last SELECT, whose answer is then
 * that the task is due at once: the next claim has the right one.
 */
const CLAIM = `
  WITH claimed AS (
    INSERT INTO periodic_task_claims AS known (name, holder, started_at, claimed_until)
    VALUES ($1, $2, now(), now() + $4::float8 * ${MS})
    ON CONFLICT (name) DO UPDATE
      SET holder = excluded.holder, started_at = excluded.started_at, claimed_until = excluded.claimed_until,
          retry_at = NULL
      WHERE known.claimed_until <= now() AND ($5 OR ${DUE_AT} <= now())
    RETURNING failures, succeeded_at
  )
  SELECT true AS "isMine", 0 AS "dueInMs", failures, succeeded_at AS "lastSuccess" FROM claimed
  UNION ALL
  SELECT false, 1000 * greatest(0, extract(epoch FROM greatest(${DUE_AT}, known.claimed_until) - now()))::float8,
    failures, succeeded_at
  FROM periodic_task_claims AS known WHERE name = $1 AND NOT EXISTS (SELECT FROM claimed)`;

const counted = (statement: string) =>
  `WITH changed AS (${statement} RETURNING name) SELECT count(*)::int FROM changed`;

const LEASE: LeaseStatements = {
  renew: counted(
    `UPDATE periodic_task_claims SET claimed_until = now() + $3::float8 * ${MS} WHERE name = $1 AND holder = $2`,
  ),
  release: counted(
    `UPDATE periodic_task_claims
     SET holder = NULL, claimed_until = now(), retry_at = now() + $4::float8 * ${MS},
         failures = CASE $3::text WHEN 'failed' THEN failures + 1 WHEN 'succeeded' THEN 0 ELSE failures END,
         succeeded_at = CASE $3::text WHEN 'succeeded' THEN now() ELSE succeeded_at END
     WHERE name = $1 AND holder = $2`,
  ),
};

/** Where a rival commits the first claim of a task meanwhile, there is no row to read. */
const RIVAL_WON: ClaimRow = { isMine: false, dueInMs: 0, failures: 0, lastSuccess: null };

const SERIALIZATION_FAILURE = '40001';

/**
 * Claims runs for one replica among all, in a row for each task. The database's clock alone decides what is due.
 */
@Injectable()
export class ClusterClaims {
  private readonly logger = new Logger('PeriodicTasks');
  private found: TaskDatabase | undefined;

  constructor(
    private readonly moduleRef: ModuleRef,
    @Optional() @Inject(PERIODIC_TASKS_OPTIONS) private readonly options: PeriodicTasksModuleOptions = {},
  ) {}

  /** @throws Error where there is no database, or no table in it, with the line to add */
  async assertReady(task: string): Promise<void> {
    await this.database(task);
  }

  /** Begins a run, if it is due and no other replica runs the task. */
  async claim(task: string, { gapMs, leaseMs, isForced = false }: ClaimRequest): Promise<Claim> {
    const database = await this.database(task);
    const holder = randomUUID();
    const claimedAt = performance.now();
    const rows = (await database.query(CLAIM, [task, holder, gapMs, leaseMs, isForced]).catch(rivalWins)) as ClaimRow[];
    const { isMine, dueInMs, failures, lastSuccess } = rows[0] ?? RIVAL_WON;
    const lease = isMine
      ? new TaskLease(database, LEASE, { task, holder, leaseMs, claimedAt, logger: this.logger })
      : undefined;
    return { lease, dueInMs, failures, lastSuccess: lastSuccess ?? undefined };
  }

  /** Looked up when it is needed, so that tasks of scope `replica` need neither a database nor its packages. */
  private async database(task: string): Promise<TaskDatabase> {
    if (this.found) return this.found;
    const database = await this.findDatabase(task);
    const sql = `SELECT to_regclass('periodic_task_claims') IS NOT NULL AS "hasTable"`;
    const [row] = (await database.query(sql, [])) as { hasTable: boolean }[];
    if (row?.hasTable !== true) {
      throw new Error(
        `${need(task)} the table periodic_task_claims. Add periodicTasksMigrations of nest-bulwark/periodic-tasks to the migrations of ` +
          'DatabaseModule.forRoot(), or of TypeOrmModule.forRoot() with migrationsRun: true.',
      );
    }
    this.found = database;
    return database;
  }

  private async findDatabase(task: string): Promise<TaskDatabase> {
    const { dataSource: name = 'default' } = this.options;
    try {
      const { getDataSourceToken } = await import('@nestjs/typeorm');
      return this.moduleRef.get<TaskDatabase>(getDataSourceToken(name), { strict: false });
    } catch (error) {
      throw new Error(
        `${need(task)} PostgreSQL. Add DatabaseModule.forRoot({ url, migrations }) to the imports of the application. With ` +
          `TypeOrmModule.forRoot({ name }), give PeriodicTasksModule.forRoot() the option dataSource; now it is "${name}".`,
        { cause: error },
      );
    }
  }
}

function need(task: string): string {
  return `The periodic task ${task} runs on one replica among all (scope cluster), which needs`;
}

/** Where the role's default isolation is stricter than READ COMMITTED, the loser of a race gets an error. */
function rivalWins(error: unknown): ClaimRow[] {
  if ((error as { driverError?: { code?: string } }).driverError?.code === SERIALIZATION_FAILURE) return [];
  throw error;
}
