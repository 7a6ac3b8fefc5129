import { AsyncResource } from 'node:async_hooks';
import type { ClusterClaims } from './cluster-claims.js';
import {
  resolveTiming,
  STOP_TIMEOUT_MS,
  type PeriodicTaskTiming,
  type ResolvedTiming,
} from './periodic-task.options.js';
import { TaskRecord, type PeriodicTaskStatus, type TaskObserver } from './task-record.js';

/** A task of a module, with its work. @publicApi */
export interface PeriodicTaskDefinition extends Omit<PeriodicTaskTiming, 'everyMs'> {
  /** Name in logs, metrics and health. */
  name: string;
  /** Pause between the starts of two runs, in milliseconds; a function is asked before each pause. */
  everyMs: number | (() => number);
  /**
   * One run. A rejection is a failure: it is logged, counted and tried again after a growing pause. The signal is aborted
   * when the task has to stop, and when another replica has taken the run over.
   */
  run: (signal: AbortSignal) => unknown;
}

/** Longest delay that `setTimeout()` takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs a task again and again: one run at a time, with jitter, after a failure with a growing pause. Runs have no request
 * and no transaction of their caller. Timers do not keep the process alive.
 *
 * Modules get one from `PeriodicTasks.add()`, which starts and stops it; elsewhere `new PeriodicTaskRunner({ name, everyMs,
 * run })` needs nothing else.
 *
 * @publicApi
 */
export class PeriodicTaskRunner {
  /** @internal */
  readonly record: TaskRecord;
  /** Async context of the construction: that of the start, which belongs to no request and to no transaction. */
  private readonly context = new AsyncResource('PeriodicTask');
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  /** The run that follows the one in flight. */
  private following: Promise<void> | undefined;
  private readonly stopping = new AbortController();
  private current: AbortController | undefined;
  /** Monotonic time of the next tick, without its jitter. */
  private nextTickAt = 0;
  private isStarted = false;
  private isWoken = false;

  /**
   * @param observer receives durations and failures
   * @param claims makes it a task of scope `cluster`
   */
  constructor(
    private readonly task: PeriodicTaskDefinition,
    observer?: TaskObserver,
    private readonly claims?: ClusterClaims,
  ) {
    const { name, degradedAfterMs } = task;
    this.record = new TaskRecord({ name, degradedAfterMs, observer, expectedMs: () => this.timing.everyMs });
    // A wrong option is reported where the task is made.
    resolveTiming(name, this.timing);
  }

  get name(): string {
    return this.task.name;
  }

  get status(): PeriodicTaskStatus {
    return this.record.status;
  }

  /** Begins the ticks. */
  start(): void {
    if (this.isStarted || this.isStopped) return;
    this.isStarted = true;
    const isDueAtOnce = this.task.runAtStart === true || this.claims !== undefined;
    this.nextTickAt = performance.now() + (isDueAtOnce ? 0 : this.timing.everyMs);
    if (this.running) return;
    if (isDueAtOnce) this.schedule(0);
    else this.scheduleTick();
  }

  /** Runs now instead of at the next tick, or once more after the run in flight. After a failure the pause stays. */
  wake(): void {
    if (this.isStopped) return;
    if (this.running) this.isWoken = true;
    else if (this.record.consecutiveFailures === 0) this.runNow().catch(() => undefined);
  }

  /**
   * Resolves when a run that began after this call has succeeded; rejects when it failed. With scope `cluster`, it
   * resolves without a run where another replica runs the task.
   */
  runNow(): Promise<void> {
    if (this.isStopped) return Promise.reject(new Error(`The periodic task ${this.name} has been stopped.`));
    if (!this.running) return this.run({ isForced: true });
    this.following ??= this.running
      .catch(() => undefined)
      .then(() => {
        this.following = undefined;
        return this.runNow();
      });
    return this.following;
  }

  /** Ends the ticks, tells the run in flight to end, and waits for it. @throws Error where it does not end in time */
  async stop(): Promise<void> {
    clearTimeout(this.timer);
    this.stopping.abort();
    this.current?.abort(new Error(`The periodic task ${this.name} is stopped.`));
    if (!this.running) return;
    await waitForEnd(this.name, this.running, this.task.stopTimeoutMs);
  }

  private get isStopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private get timing(): ResolvedTiming {
    const { everyMs } = this.task;
    return resolveTiming(this.name, {
      ...this.task,
      everyMs: typeof everyMs === 'number' ? everyMs : everyMs(),
    });
  }

  private run({ isForced }: { isForced: boolean }): Promise<void> {
    clearTimeout(this.timer);
    this.isWoken = false;
    // From the tick, not from the delayed start, so that the delays do not add up.
    const startedAt = isForced ? performance.now() : this.nextTickAt;
    const run = this.context.runInAsyncScope(() => this.attempt(isForced));
    this.running = run.then(
      (waitMs) => this.ended(startedAt, waitMs),
      (error: unknown) => {
        this.ended(startedAt, this.retryMs(this.record.consecutiveFailures));
        throw error;
      },
    );
    return this.running;
  }

  private ended(startedAt: number, waitMs: number | undefined): void {
    this.running = undefined;
    const { everyMs } = this.timing;
    const now = performance.now();
    // A tick that came during the run is skipped.
    this.nextTickAt = waitMs === undefined ? now + everyMs - ((now - startedAt) % everyMs) : now + waitMs;
    if (this.isWoken && !this.following) this.wake();
    if (!this.running && this.isStarted) this.scheduleTick();
  }

  private scheduleTick(): void {
    if (this.isStopped) return;
    clearTimeout(this.timer);
    const pauseMs = this.nextTickAt - performance.now() + Math.random() * this.timing.jitterMs;
    this.schedule(Math.max(0, pauseMs));
  }

  private schedule(pauseMs: number): void {
    const leftMs = pauseMs - MAX_TIMER_MS;
    const next = () => (leftMs > 0 ? this.schedule(leftMs) : void this.run({ isForced: false }).catch(() => undefined));
    this.timer = setTimeout(next, Math.min(pauseMs, MAX_TIMER_MS)).unref();
  }

  /** @returns the pause before the next tick; undefined where it follows from `everyMs` */
  private async attempt(isForced: boolean): Promise<number | undefined> {
    if (this.claims) return this.runClaimed(this.claims, isForced);
    this.current = new AbortController();
    await this.observe(this.current.signal);
    return undefined;
  }

  private async runClaimed(claims: ClusterClaims, isForced: boolean): Promise<number | undefined> {
    const { everyMs, leaseMs } = this.timing;
    const current = new AbortController();
    this.current = current;
    const claim = await claims.claim(this.name, { gapMs: everyMs, leaseMs, isForced }).catch((error: unknown) => {
      this.record.failed(error);
      throw error;
    });
    this.record.synchronize(claim);
    if (!claim.lease) return isForced ? undefined : claim.dueInMs;
    await claim.lease.hold(current, () => this.observe(current.signal), this.retryMs(claim.failures + 1));
    return undefined;
  }

  private observe(signal: AbortSignal): Promise<boolean> {
    return this.record.observe(
      () => this.task.run(signal),
      () => this.isStopped,
    );
  }

  /** Exponential, with half of it random, so that replicas whose database came back do not all come at once. */
  private retryMs(failures: number): number {
    const { retryMinMs, retryMaxMs } = this.timing;
    const pauseMs = Math.min(retryMinMs * 2 ** (failures - 1), retryMaxMs);
    return pauseMs / 2 + (Math.random() * pauseMs) / 2;
  }
}

/** Waits until a run has ended, however it ends. @throws Error where it does not end in time */
export async function waitForEnd(task: string, run: Promise<unknown>, limitMs = STOP_TIMEOUT_MS): Promise<void> {
  let limit: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_resolve, reject) => {
    const text = `The periodic task ${task} did not end within ${limitMs} ms.`;
    limit = setTimeout(() => reject(new Error(text)), limitMs).unref();
  });
  await Promise.race([run.catch(() => undefined), tooLong]).finally(() => clearTimeout(limit));
}
