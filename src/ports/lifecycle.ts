/** @publicApi */
export type LifecycleState = 'running' | 'draining' | 'stopped';

/** A job that a shutdown waits for. Requests need not be counted in; the shutdown sees them on their connections. */
export interface InFlightWork {
  /** What it is, for the log of a shutdown that could not wait for it. */
  readonly name: string;
  readonly startedAt: number;
}

/**
 * Whether the application takes traffic, and which jobs it is busy with. ShutdownModule moves it on; probes read it.
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
  moveTo(state: LifecycleState): void {
    this.current = state;
  }

  /** Counts a job in; the answer counts it out. */
  enter(name: string): () => void {
    const work = { name, startedAt: performance.now() };
    this.work.add(work);
    return () => {
      this.work.delete(work);
      if (this.work.size === 0) for (const resolve of this.onIdle.splice(0)) resolve();
    };
  }

  /** Runs a job that a shutdown should wait for, up to its timeout. */
  async run<T>(name: string, job: () => Promise<T>): Promise<T> {
    const leave = this.enter(name);
    try {
      return await job();
    } finally {
      leave();
    }
  }

  /** Resolves when no job is in flight. */
  idle(): Promise<void> {
    return this.work.size === 0 ? Promise.resolve() : new Promise((resolve) => this.onIdle.push(resolve));
  }
}
