const DEFAULT_MAX_PAUSE_MS = 60_000;
const SWEEP_INTERVAL_MS = 5_000;

/** Repetitions of the same event without a long pause. */
export interface Streak<T> {
  /** Value of the first event. */
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
  private readonly openStreaks = new Map<string, OpenStreak<T>>();
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param onEnd called when a streak of more than one event has ended
   * @param maxStreaks maximum number of open streaks. A new streak over this number ends the least recently repeated streak
   */
  constructor(
    private readonly onEnd: (streak: Streak<T>) => void,
    private readonly maxStreaks = 1_000,
  ) {}

  /**
   * Counts an event of an open streak.
   *
   * @param maxPauseMs a longer pause ends the streak
   * @returns false if there is no such streak
   */
  continue(id: string, maxPauseMs = DEFAULT_MAX_PAUSE_MS): boolean {
    const now = performance.now();
    const streak = this.openStreaks.get(id);
    if (!streak) return false;
    if (now > streak.endsAt) {
      this.end(id);
      return false;
    }
    streak.count++;
    streak.endsAt = Math.max(streak.endsAt, now + maxPauseMs);
    this.openStreaks.delete(id);
    this.openStreaks.set(id, streak);
    return true;
  }

  begin(id: string, value: T, maxPauseMs = DEFAULT_MAX_PAUSE_MS): Streak<T> {
    const [oldest] = this.openStreaks.size >= this.maxStreaks ? this.openStreaks.keys() : [];
    if (oldest !== undefined) this.end(oldest);
    const streak = { value, since: new Date(), count: 1, endsAt: performance.now() + maxPauseMs };
    this.openStreaks.set(id, streak);
    this.timer ??= setInterval(() => this.endExpired(), SWEEP_INTERVAL_MS).unref();
    return streak;
  }

  get(id: string): Streak<T> | undefined {
    return this.openStreaks.get(id);
  }

  all(): Streak<T>[] {
    return [...this.openStreaks.values()];
  }

  end(id: string): void {
    const streak = this.openStreaks.get(id);
    if (!streak) return;
    this.openStreaks.delete(id);
    if (this.openStreaks.size === 0) this.stop();
    if (streak.count > 1) this.onEnd(streak);
  }

  endAll(): void {
    for (const id of this.openStreaks.keys()) this.end(id);
  }

  private endExpired(): void {
    const now = performance.now();
    for (const [id, { endsAt }] of this.openStreaks) if (now > endsAt) this.end(id);
  }

  private stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
