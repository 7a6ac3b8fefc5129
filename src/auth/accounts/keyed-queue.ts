import { ProblemException } from '../../problem/index.js';

/**
 * Runs work with the same key one after the other, within this process. Waiting work does not use a database connection, so
 * many requests for one account cannot use up the connection pool.
 */
export class KeyedQueue {
  private readonly tails = new Map<string, { last: Promise<void>; length: number }>();

  /** @param maxLength maximum number of callers for one key, running or waiting */
  constructor(private readonly maxLength: number) {}

  /** Number of keys with running or waiting work. */
  get size(): number {
    return this.tails.size;
  }

  /**
   * Runs `work` after all earlier work with one of the keys. All callers must pass several keys in the same order.
   *
   * @throws ProblemException `SERVICE_UNAVAILABLE` if too many callers wait for a key
   */
  run<T>([key, ...others]: readonly string[], work: () => Promise<T>): Promise<T> {
    if (key === undefined) return work();
    const tail = this.tails.get(key) ?? { last: Promise.resolve(), length: 0 };
    if (tail.length >= this.maxLength) {
      throw new ProblemException(
        'SERVICE_UNAVAILABLE',
        'Too many requests change this account at the same time. Try again.',
        {
          headers: { 'Retry-After': '1' },
        },
      );
    }
    const turn = tail.last.then(() => this.run(others, work));
    tail.length += 1;
    tail.last = turn.then(
      () => this.release(key, tail),
      () => this.release(key, tail),
    );
    this.tails.set(key, tail);
    return turn;
  }

  private release(key: string, tail: { length: number }): void {
    tail.length -= 1;
    if (tail.length === 0) this.tails.delete(key);
  }
}
