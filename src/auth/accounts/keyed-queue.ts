import { ProblemException } from '../../problem/index.js';

/**
 * Lets callers with the same key in one after the other, in this process. They wait here without a connection of the pool,
 * so that many requests for one account cannot take the connections of everybody else.
 */
export class KeyedQueue {
  private readonly tails = new Map<string, { last: Promise<void>; length: number }>();

  /** @param maxLength callers that may wait for one key at a time */
  constructor(private readonly maxLength: number) {}

  /** Keys with a caller in them. */
  get size(): number {
    return this.tails.size;
  }

  /**
   * Runs `work` when it is the turn of all keys. Callers with several keys must give them in one order.
   *
   * @throws ProblemException `SERVICE_UNAVAILABLE` where too many wait for a key
   */
  run<T>([key, ...others]: readonly string[], work: () => Promise<T>): Promise<T> {
    if (key === undefined) return work();
    const tail = this.tails.get(key) ?? { last: Promise.resolve(), length: 0 };
    if (tail.length >= this.maxLength) {
      throw new ProblemException('SERVICE_UNAVAILABLE', 'Too many requests change this account at once. Try again.', {
        headers: { 'Retry-After': '1' },
      });
    }
    const turn = tail.last.then(() => this.run(others, work));
    tail.length += 1;
    tail.last = turn.then(
      () => this.leave(key, tail),
      () => this.leave(key, tail),
    );
    this.tails.set(key, tail);
    return turn;
  }

  private leave(key: string, tail: { length: number }): void {
    tail.length -= 1;
    if (tail.length === 0) this.tails.delete(key);
  }
}
