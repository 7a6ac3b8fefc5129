import { withTimeLimit } from '../common/index.js';

/** @internal */
export interface CircuitBreakerOptions {
  /** Longest wait for one call, in milliseconds. */
  timeoutMs: number;
  /** Failures in a row that open the circuit. */
  failures: number;
  /** Pause before each probe, in milliseconds. */
  probeIntervalMs: number;
  /** Checks whether the service works again. Has the time limit of a call. */
  probe: () => Promise<unknown>;
  /** Runs after a successful probe, before calls are let through again. An error keeps the circuit open. */
  beforeClose?: () => Promise<void>;
  /** Called for each call that fails or takes too long. */
  onFailure: (error: unknown) => void;
  /** Called when the circuit opens and when it closes. */
  onChange: (isOpen: boolean, reason: string) => void;
}

/** A call that was not made, because the circuit is open. @internal */
export class CircuitOpenError extends Error {
  constructor() {
    super('The circuit is open: the service has failed, and no probe has succeeded since.');
  }
}

/**
 * Makes calls to a service with a time limit, and makes none after repeated failures. While the circuit is open, a
 * probe checks whether the service works again, so no caller waits for that.
 *
 * @internal
 */
export class CircuitBreaker {
  isOpen = false;
  private failuresInARow = 0;
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(private readonly options: CircuitBreakerOptions) {}

  /** @throws CircuitOpenError where the circuit is open, or whatever the call or the time limit fails with */
  async run<T>(call: () => Promise<T>): Promise<T> {
    if (this.isOpen) throw new CircuitOpenError();
    try {
      const result = await withTimeLimit(call(), this.options.timeoutMs);
      this.failuresInARow = 0;
      return result;
    } catch (error) {
      this.options.onFailure(error);
      this.countFailure(error);
      throw error;
    }
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  private countFailure(error: unknown): void {
    this.failuresInARow++;
    if (this.isOpen || this.failuresInARow < this.options.failures) return;
    this.isOpen = true;
    this.options.onChange(true, error instanceof Error ? error.message : String(error));
    this.probeLater();
  }

  private probeLater(): void {
    if (this.isStopped) return;
    this.timer = setTimeout(() => void this.probe(), this.options.probeIntervalMs).unref();
  }

  private async probe(): Promise<void> {
    try {
      await withTimeLimit(this.options.probe(), this.options.timeoutMs);
      await this.options.beforeClose?.();
    } catch {
      this.probeLater();
      return;
    }
    this.isOpen = false;
    this.failuresInARow = 0;
    this.options.onChange(false, 'it answers again');
  }
}
