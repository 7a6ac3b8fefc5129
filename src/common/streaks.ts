/** A longer pause ends a streak. */
const MAX_PAUSE_MS = 60_000;
const SWEEP_INTERVAL_MS = 5_000;
const MAX_STREAKS = 1_000;

/** A series of equal events without a long pause. */
export interface Streak<T> {
  /** Value of the first event. */
  readonly value: T;
  readonly since: Date;
  readonly count: number;
}

interface OpenStreak<T> extends Streak<T> {
  count: number;
  /** Monotonic time of the last event, in milliseconds. */
  lastSeenAt: number;
}

/** Counts the events of each streak. A timer runs only while there are streaks. */
export class Streaks<T> {
  /** In the order of their last event. */
  private readonly openStreaks = new Map<string, OpenStreak<T>>();
  private timer: NodeJS.Timeout | undefined;

  /** @param onEnd called when a streak of more than one event has ended */
  constructor(private readonly onEnd: (streak: Streak<T>) => void) {}

  /** Counts an event of an open streak. Returns false if there is no such streak. */
  continue(id: string): boolean {
    const now = performance.now();
    const known = this.openStreaks.get(id);
    if (!known) return false;
    if (now - known.lastSeenAt > MAX_PAUSE_MS) {
      this.end(id, known);
      return false;
    }
    known.count++;
    known.lastSeenAt = now;
    this.openStreaks.delete(id);
    this.openStreaks.set(id, known);
    return true;
  }

  begin(id: string, value: T): void {
    const [oldest] = this.openStreaks.size >= MAX_STREAKS ? this.openStreaks : [];
    if (oldest) this.end(...oldest);
    this.openStreaks.set(id, { value, since: new Date(), count: 1, lastSeenAt: performance.now() });
    this.timer ??= setInterval(() => this.sweep(), SWEEP_INTERVAL_MS).unref();
  }

  endAll(): void {
    for (const [id, streak] of this.openStreaks) this.end(id, streak);
    this.stop();
  }

  private sweep(): void {
    const now = performance.now();
    for (const [id, streak] of this.openStreaks) {
      if (now - streak.lastSeenAt <= MAX_PAUSE_MS) break;
      this.end(id, streak);
    }
    if (this.openStreaks.size === 0) this.stop();
  }

  private end(id: string, streak: OpenStreak<T>): void {
    this.openStreaks.delete(id);
    if (streak.count > 1) this.onEnd(streak);
  }

  private stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
