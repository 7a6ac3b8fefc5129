/** @publicApi */
export type LifecycleState = 'running' | 'draining' | 'stopped';

/** A job that a shutdown waits for. Requests are not jobs: the shutdown finds them through their connections. @publicApi */
export interface InFlightWork {
  /** Name for the log, if the shutdown could not wait for the job. */
  readonly name: string;
  readonly startedAt: number;
}

/**
 * Whether the application accepts traffic, and which jobs are running. ShutdownModule changes the state; probes read it.
 *
 * @publicApi
 */
export class Lifecycle {
  private current: LifecycleState = 'running';
  private readonly work = new Set<InFlightWork>();
  private onIdle: (() => void)[] = [];

  get state(): LifecycleState {
    return this.current;
  }

  get inFlight(): readonly InFlightWork[] {
    return [...this.work];
  }

  /** @internal */
  setState(state: LifecycleState): void {
    this.current = state;
  }

  /** Registers a running job. The returned function marks the job as finished. */
  startJob(name: string): () => void {
    const work = { name, startedAt: performance.now() };
    this.work.add(work);
    return () => {
      this.work.delete(work);
      if (this.work.size === 0) for (const resolve of this.onIdle.splice(0)) resolve();
    };
  }

  /** Runs a job. A shutdown waits for it, up to the shutdown's timeout. */
  async run<T>(name: string, job: () => Promise<T>): Promise<T> {
    const finishJob = this.startJob(name);
    try {
      return await job();
    } finally {
      finishJob();
    }
  }

  /** Resolves when no job is running. */
  waitUntilIdle(): Promise<void> {
    return this.work.size === 0 ? Promise.resolve() : new Promise((resolve) => this.onIdle.push(resolve));
  }
}
