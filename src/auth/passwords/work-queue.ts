import { ProblemException } from '../../problem/index.js';

/** Runs a limited number of jobs in parallel. A limited number of jobs may wait, and further jobs are refused at once. */
export class WorkQueue {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly concurrency: number,
    private readonly maxWaiting: number,
  ) {}

  /** @throws ProblemException `SERVICE_UNAVAILABLE` if too many jobs wait already */
  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.running < this.concurrency) this.running++;
    else await this.waitForTurn();
    try {
      return await job();
    } finally {
      const next = this.waiting.shift();
      // The slot goes directly to the next waiting job, so a new job cannot take it first.
      if (next) next();
      else this.running--;
    }
  }

  private waitForTurn(): Promise<void> {
    if (this.waiting.length >= this.maxWaiting) {
      throw new ProblemException('SERVICE_UNAVAILABLE', 'Too many passwords are being processed. Try again.', {
        headers: { 'Retry-After': '2' },
      });
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}
