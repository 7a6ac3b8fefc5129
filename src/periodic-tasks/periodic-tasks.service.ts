import {
  Inject,
  Injectable,
  Logger,
  Optional,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { Metrics, NoMetrics, OnShutdown, ShutdownPhase, type ShutdownParticipant } from '../ports/index.js';
import { ClusterClaims } from './cluster-claims.js';
import { defaultLeaseMs, type PeriodicTaskScope, type PeriodicTasksModuleOptions } from './periodic-task.options.js';
import { PeriodicTaskRunner, waitForEnd, type PeriodicTaskDefinition } from './periodic-task.runner.js';
import { PERIODIC_TASKS_OPTIONS } from './periodic-tasks.module-definition.js';
import { TaskExplorer } from './task-explorer.js';
import { TaskMetrics } from './task-metrics.js';
import { TaskRecord } from './task-record.js';

/** A job of `clusterOnce()` in flight. */
interface JobRun {
  readonly key: string;
  readonly controller: AbortController;
  readonly run: Promise<void>;
}

/** @publicApi */
export interface AddTaskOptions extends PeriodicTaskDefinition {
  /** @default 'replica' */
  scope?: PeriodicTaskScope;
  /**
   * Whether requests in flight at shutdown still need the task. Then it is stopped when they have ended, otherwise when the
   * port closes. @default false
   */
  runsUntilClose?: boolean;
}

/**
 * The periodic tasks of the application. They start when the application has started, and end in the shutdown phase
 * `StopIntake`.
 *
 * @publicApi
 */
@Injectable()
@OnShutdown({ phase: ShutdownPhase.StopIntake })
export class PeriodicTasks
  implements ShutdownParticipant, OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  private readonly logger = new Logger('PeriodicTasks');
  private readonly runners = new Map<string, PeriodicTaskRunner>();
  private readonly clusterTasks = new Set<PeriodicTaskRunner>();
  private readonly untilClose = new Set<PeriodicTaskRunner>();
  /** Of the jobs of {@link clusterOnce}. */
  private readonly jobs = new Map<string, TaskRecord>();
  private readonly jobRuns = new Set<JobRun>();
  private readonly metrics: TaskMetrics;
  private hasStarted = false;
  private isStopping = false;

  /** @internal */
  constructor(
    private readonly claims: ClusterClaims,
    private readonly explorer: TaskExplorer,
    @Optional() @Inject(PERIODIC_TASKS_OPTIONS) private readonly options: PeriodicTasksModuleOptions = {},
    @Optional() metrics: Metrics = new NoMetrics(),
  ) {
    this.metrics = new TaskMetrics(metrics, () => this.records);
  }

  /** @internal */
  get records(): readonly TaskRecord[] {
    return [...[...this.runners.values()].map(({ record }) => record), ...this.jobs.values()];
  }

  onModuleInit(): void {
    for (const { scope, definition } of this.explorer.explore()) this.add({ ...definition, scope });
  }

  /** @throws Error where a task of scope `cluster` has no database, or no table in it */
  async onApplicationBootstrap(): Promise<void> {
    for (const { name } of this.clusterTasks) await this.claims.assertReady(name);
    this.hasStarted = true;
    for (const runner of this.runners.values()) runner.start();
  }

  /**
   * Adds a task, which starts with the application, or at once where that has started.
   *
   * @throws Error where another task has the name, or an option is wrong
   */
  add({ scope = 'replica', runsUntilClose = false, ...task }: AddTaskOptions): PeriodicTaskRunner {
    const { name } = task;
    if (this.runners.has(name) || this.jobs.has(name)) {
      throw new Error(`Two periodic tasks have the name "${name}". Give one of them another name.`);
    }
    const claims = scope === 'cluster' ? this.claims : undefined;
    const runner = new PeriodicTaskRunner({ ...this.options, ...task }, this.metrics.of(name), claims);
    this.runners.set(name, runner);
    if (claims) this.clusterTasks.add(runner);
    if (runsUntilClose) this.untilClose.add(runner);
    if (this.hasStarted) runner.start();
    return runner;
  }

  /**
   * Runs a job that all replicas start at the same time, such as a `@Cron()` method of `@nestjs/schedule`, on one of them.
   * A replica that comes less than half of `periodMs` after the run of another one belongs to the same tick and runs
   * nothing.
   *
   * @param key names the job in the database; all replicas use the same
   * @param periodMs pause between two ticks, in milliseconds; 60_000 for `@Cron('0 * * * * *')`
   * @param work receives a signal that is aborted at shutdown, and when another replica has taken the job over
   * @returns whether this replica ran the job
   * @throws what the job throws; Error where there is no database
   */
  async clusterOnce(key: string, periodMs: number, work: (signal: AbortSignal) => unknown): Promise<boolean> {
    const record = this.jobRecord(key, periodMs);
    if (this.isStopping) return false;
    const request = { gapMs: periodMs / 2, leaseMs: defaultLeaseMs(periodMs) };
    const claim = await this.claims.claim(key, request).catch((error: unknown) => {
      record.failed(error);
      throw error;
    });
    record.synchronize(claim);
    if (!claim.lease) return false;
    const controller = new AbortController();
    const observe = () =>
      record.observe(
        () => work(controller.signal),
        () => this.isStopping,
      );
    const job = { key, controller, run: claim.lease.hold(controller, observe) };
    this.jobRuns.add(job);
    await job.run.finally(() => this.jobRuns.delete(job));
    return true;
  }

  onShutdown(): Promise<void> {
    this.isStopping = true;
    const jobs = [...this.jobRuns].map(({ key, controller, run }) => {
      controller.abort(new Error(`The job ${key} is stopped.`));
      return waitForEnd(key, run, this.options.stopTimeoutMs);
    });
    const runners = [...this.runners.values()].filter((runner) => !this.untilClose.has(runner));
    return allStopped([...jobs, ...runners.map((runner) => runner.stop())]);
  }

  /** For applications without ShutdownModule. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.onShutdown().catch((error: unknown) => this.reportCut(error));
  }

  /** After the hooks in which modules write what is left, and before the data source closes. */
  async onApplicationShutdown(): Promise<void> {
    await allStopped([...this.untilClose].map((runner) => runner.stop())).catch((error: unknown) =>
      this.reportCut(error),
    );
  }

  private reportCut(error: unknown): void {
    this.logger.error({ err: error, msg: 'the shutdown did not wait for a periodic task any longer' });
  }

  private jobRecord(key: string, periodMs: number): TaskRecord {
    if (this.runners.has(key)) {
      throw new Error(
        `A periodic task and a job of clusterOnce() have the name "${key}". Give one of them another name.`,
      );
    }
    const known = this.jobs.get(key);
    if (known) return known;
    const { degradedAfterMs } = this.options;
    const observer = this.metrics.of(key);
    const record = new TaskRecord({ name: key, degradedAfterMs, expectedMs: () => periodMs, observer });
    this.jobs.set(key, record);
    return record;
  }
}

/** @throws Error which names the tasks that did not end in time */
async function allStopped(ends: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(ends);
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
  if (reasons.length > 0) throw new Error(reasons.map(({ message }) => message).join(' '));
}
