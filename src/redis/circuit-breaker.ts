/** @internal */
export interface CircuitBreakerOptions {
  /** Failures in a row that open it. */
  failures: number;
  /** Pause before each probe, in milliseconds. */
  probeIntervalMs: number;
  /** Asks whether the service works again; runs once at a time. */
  probe: () => Promise<void>;
  /** Called at each transition. */
  onChange: (isOpen: boolean, reason: string) => void;
}

/**
 * Spares callers a service that fails. While it is open a probe of its own asks whether the service works again, so that
 * no caller pays for finding out.
 */
export class CircuitBreaker {
  isOpen = false;
  private inARow = 0;
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(private readonly options: CircuitBreakerOptions) {}

  succeeded(): void {
    this.inARow = 0;
  }

  failed(reason: string): void {
    this.inARow++;
    if (this.isOpen || this.inARow < this.options.failures) return;
    this.isOpen = true;
    this.options.onChange(true, reason);
    this.schedule();
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  private schedule(): void {
    if (this.isStopped) return;
    this.timer = setTimeout(() => void this.halfOpen(), this.options.probeIntervalMs).unref();
  }

  private async halfOpen(): Promise<void> {
    try {
      await this.options.probe();
    } catch {
      this.schedule();
      return;
    }
    this.isOpen = false;
    this.inARow = 0;
    this.options.onChange(false, 'it answers again');
  }
}
