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
import { PeriodicTaskRunner, type PeriodicTaskDefinition } from './periodic-task.runner.js';
import { PERIODIC_TASKS_OPTIONS } from './periodic-tasks.module-definition.js';
import { TaskExplorer } from './task-explorer.js';
import { TaskMetrics } from './task-metrics.js';
import { TaskRecord } from './task-record.js';

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
  private readonly untilClose = new Set<PeriodicTaskRunner>();
  /** Of the jobs of {@link clusterOnce}. */
  private readonly jobs = new Map<string, TaskRecord>();
  private readonly metrics: TaskMetrics;
  private hasStarted = false;

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

  async onModuleInit(): Promise<void> {
    for (const { scope, definition } of this.explorer.explore()) {
      if (scope === 'cluster') await this.claims.assertReady(definition.name);
      this.add({ ...definition, scope });
    }
  }

  onApplicationBootstrap(): void {
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
   * @param work receives a signal that is aborted when another replica has taken the job over
   * @returns whether this replica ran the job
   * @throws what the job throws; Error where there is no database
   */
  async clusterOnce(key: string, periodMs: number, work: (signal: AbortSignal) => unknown): Promise<boolean> {
    const record = this.jobRecord(key, periodMs);
    const claim = await this.claims.claim(key, { gapMs: periodMs / 2, leaseMs: defaultLeaseMs(periodMs) });
    record.synchronize(claim);
    if (!claim.lease) return false;
    const current = new AbortController();
    claim.lease.onLost = (reason) => current.abort(reason);
    try {
      await record.observe(() => work(current.signal));
    } catch (error) {
      await claim.lease.release({ hasFailed: true });
      throw error;
    }
    await claim.lease.release({ hasFailed: false });
    return true;
  }

  onShutdown(): Promise<void> {
    return this.stop([...this.runners.values()].filter((runner) => !this.untilClose.has(runner)));
  }

  /** For applications without ShutdownModule. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.onShutdown().catch((error: unknown) => this.reportCut(error));
  }

  /** After the hooks in which modules write what is left, and before the data source closes. */
  async onApplicationShutdown(): Promise<void> {
    await this.stop([...this.untilClose]).catch((error: unknown) => this.reportCut(error));
  }

  /** @throws Error which names the tasks that did not end in time */
  private async stop(runners: readonly PeriodicTaskRunner[]): Promise<void> {
    const results = await Promise.allSettled(runners.map((runner) => runner.stop()));
    const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
    if (reasons.length > 0) throw new Error(reasons.map(({ message }) => message).join(' '));
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
