import { ProblemException } from '../../problem/index.js';

/** Runs at most so many jobs at once and lets so many wait; more are refused at once instead of being served too late. */
export class WorkQueue {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly concurrency: number,
    private readonly maxWaiting: number,
  ) {}

  /** @throws ProblemException `SERVICE_UNAVAILABLE` when too many wait already */
  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.running < this.concurrency) this.running++;
    else await this.turn();
    try {
      return await job();
    } finally {
      const next = this.waiting.shift();
      // The place is handed over, so that nobody who comes now takes it first.
      if (next) next();
      else this.running--;
    }
  }

  private turn(): Promise<void> {
    if (this.waiting.length >= this.maxWaiting) {
      throw new ProblemException('SERVICE_UNAVAILABLE', 'Too many passwords are being checked. Try again.', {
        headers: { 'Retry-After': '2' },
      });
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}
