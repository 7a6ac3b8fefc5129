/**
 * Which replicas run a task at a tick: `replica`, each of them; `cluster`, one of them, which needs PostgreSQL.
 *
 * @publicApi
 */
export type PeriodicTaskScope = 'replica' | 'cluster';

/** When a task runs, and what follows a failure. @publicApi */
export interface PeriodicTaskTiming {
  /** Pause between the starts of two runs, in milliseconds. Ticks that pass during a run are skipped. */
  everyMs: number;
  /**
   * Longest random delay of a start, in milliseconds, so that not all replicas start a run at once.
   * @default a tenth of `everyMs`, 10_000 at most
   */
  jitterMs?: number;
  /**
   * Whether the first run begins when the application has started. Otherwise it begins after `everyMs`; a task of scope
   * `cluster` begins when the last run of any replica is `everyMs` ago. @default false
   */
  runAtStart?: boolean;
  /** Pause after the first failure, in milliseconds. It doubles with each further one. @default `everyMs`, 1_000 at most */
  retryMinMs?: number;
  /** Longest pause after a failure, in milliseconds. @default `everyMs`, 30_000 at least */
  retryMaxMs?: number;
  /** How long a task may fail before `/health` is degraded, in milliseconds. @default 300_000, or that of the module */
  degradedAfterMs?: number;
  /** Longest wait for a run in flight at shutdown, in milliseconds. @default 8_000, or that of the module */
  stopTimeoutMs?: number;
  /**
   * How long a replica holds a run of scope `cluster` after its last sign of life, in milliseconds. A run renews it. When
   * a replica dies in a run, the next run may be late by this time. @default a third of `everyMs`, from 2_000 to 15_000
   */
  leaseMs?: number;
}

/** Options of `@PeriodicTask()`. @publicApi */
export interface PeriodicTaskOptions extends PeriodicTaskTiming {
  scope: PeriodicTaskScope;
  /**
   * Name in logs, metrics, health and, with scope `cluster`, in the database, where all replicas must use the same.
   * @default class and method, such as `Reports.send`
   */
  name?: string;
}

/** @publicApi */
export interface PeriodicTasksModuleOptions {
  /**
   * Name of the data source that has the table of tasks with the scope `cluster`, as in `TypeOrmModule.forRoot({ name })`.
   * @default the data source without a name
   */
  dataSource?: string;
  /** How long a task may fail before `/health` is degraded, in milliseconds. @default 300_000 */
  degradedAfterMs?: number;
  /** Longest wait for runs in flight at shutdown, in milliseconds. @default 8_000 */
  stopTimeoutMs?: number;
}

/** Options with their defaults. */
export interface ResolvedTiming {
  readonly everyMs: number;
  readonly jitterMs: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  readonly leaseMs: number;
}

const MAX_JITTER_MS = 10_000;
const MAX_FIRST_RETRY_MS = 1_000;
const MIN_LONGEST_RETRY_MS = 30_000;
const [MIN_LEASE_MS, MAX_LEASE_MS] = [2_000, 15_000];
export const DEGRADED_AFTER_MS = 300_000;
export const STOP_TIMEOUT_MS = 8_000;

/** @throws Error where a time is not a number of milliseconds */
export function resolveTiming(name: string, timing: PeriodicTaskTiming): ResolvedTiming {
  const { everyMs } = timing;
  for (const [option, value] of Object.entries(timing)) {
    if (!option.endsWith('Ms') || value === undefined) continue;
    const isZeroAllowed = option !== 'everyMs' && option !== 'leaseMs';
    if (!Number.isFinite(value) || value < 0 || (value === 0 && !isZeroAllowed)) {
      throw new Error(`The periodic task ${name} has ${option}: ${value}. Give it a positive number of milliseconds.`);
    }
  }
  return {
    everyMs,
    jitterMs: timing.jitterMs ?? Math.min(everyMs / 10, MAX_JITTER_MS),
    retryMinMs: timing.retryMinMs ?? Math.min(everyMs, MAX_FIRST_RETRY_MS),
    retryMaxMs: timing.retryMaxMs ?? Math.max(everyMs, MIN_LONGEST_RETRY_MS),
    leaseMs: timing.leaseMs ?? defaultLeaseMs(everyMs),
  };
}

export function defaultLeaseMs(periodMs: number): number {
  return Math.min(Math.max(periodMs / 3, MIN_LEASE_MS), MAX_LEASE_MS);
}
