const DEFAULT_QUIET_MS = 60_000;
const SWEEP_INTERVAL_MS = 5_000;

/** Repetitions of the same event without a long pause. */
export interface Streak<T> {
  /** What was given for the first event. */
  readonly value: T;
  readonly since: Date;
  readonly count: number;
  /** Monotonic time at which it ends unless the event is repeated, in milliseconds. */
  readonly endsAt: number;
}

interface OpenStreak<T> extends Streak<T> {
  count: number;
  endsAt: number;
}

/** Counts repetitions of events. Runs a timer only while there are streaks. */
export class Streaks<T> {
  /** In the order of their last repetition. */
  private readonly open = new Map<string, OpenStreak<T>>();
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param onEnd called when a streak of more than one event has ended
   * @param maxStreaks most streaks at a time; a new one ends the one that was not repeated for longest
   */
  constructor(
    private readonly onEnd: (streak: Streak<T>) => void,
    private readonly maxStreaks = 1_000,
  ) {}

  /**
   * Counts a repetition.
   *
   * @param quietMs pause that ends the streak, in milliseconds
   * @returns false where there is no such streak
   */
  continue(id: string, quietMs = DEFAULT_QUIET_MS): boolean {
    const now = performance.now();
    const streak = this.open.get(id);
    if (!streak) return false;
    if (now > streak.endsAt) {
      this.end(id);
      return false;
    }
    streak.count++;
    streak.endsAt = Math.max(streak.endsAt, now + quietMs);
    this.open.delete(id);
    this.open.set(id, streak);
    return true;
  }

  begin(id: string, value: T, quietMs = DEFAULT_QUIET_MS): Streak<T> {
    const [oldest] = this.open.size >= this.maxStreaks ? this.open.keys() : [];
    if (oldest !== undefined) this.end(oldest);
    const streak = { value, since: new Date(), count: 1, endsAt: performance.now() + quietMs };
    this.open.set(id, streak);
    this.timer ??= setInterval(() => this.endQuiet(), SWEEP_INTERVAL_MS).unref();
    return streak;
  }

  get(id: string): Streak<T> | undefined {
    return this.open.get(id);
  }

  all(): Streak<T>[] {
    return [...this.open.values()];
  }

  end(id: string): void {
    const streak = this.open.get(id);
    if (!streak) return;
    this.open.delete(id);
    if (this.open.size === 0) this.stop();
    if (streak.count > 1) this.onEnd(streak);
  }

  endAll(): void {
    for (const id of this.open.keys()) this.end(id);
  }

  private endQuiet(): void {
    const now = performance.now();
    for (const [id, { endsAt }] of this.open) if (now > endsAt) this.end(id);
  }

  private stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
