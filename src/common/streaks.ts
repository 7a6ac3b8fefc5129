/** A pause of this length ends a streak. */
const QUIET_MS = 60_000;
const SWEEP_MS = 5_000;
const MAX_STREAKS = 1_000;

/** The same thing again and again, without a long pause. */
export interface Streak<T> {
  /** What the first one said. */
  readonly value: T;
  readonly since: Date;
  readonly count: number;
}

interface OpenStreak<T> extends Streak<T> {
  count: number;
  /** Monotonic time of the last one. */
  last: number;
}

/** Counts repetitions. Runs a timer only while there are streaks. */
export class Streaks<T> {
  /** In the order of their last repetition. */
  private readonly open = new Map<string, OpenStreak<T>>();
  private timer: NodeJS.Timeout | undefined;

  /** @param onEnd called when a streak of more than one has ended */
  constructor(private readonly onEnd: (streak: Streak<T>) => void) {}

  /** Counts a repetition of a streak. False where there is no such streak. */
  continue(id: string): boolean {
    const now = performance.now();
    const known = this.open.get(id);
    if (!known) return false;
    if (now - known.last > QUIET_MS) {
      this.end(id, known);
      return false;
    }
    known.count++;
    known.last = now;
    this.open.delete(id);
    this.open.set(id, known);
    return true;
  }

  begin(id: string, value: T): void {
    const [oldest] = this.open.size >= MAX_STREAKS ? this.open : [];
    if (oldest) this.end(...oldest);
    this.open.set(id, { value, since: new Date(), count: 1, last: performance.now() });
    this.timer ??= setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  endAll(): void {
    for (const [id, streak] of this.open) this.end(id, streak);
    this.stop();
  }

  private sweep(): void {
    const now = performance.now();
    for (const [id, streak] of this.open) {
      if (now - streak.last <= QUIET_MS) break;
      this.end(id, streak);
    }
    if (this.open.size === 0) this.stop();
  }

  private end(id: string, streak: OpenStreak<T>): void {
    this.open.delete(id);
    if (streak.count > 1) this.onEnd(streak);
  }

  private stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
