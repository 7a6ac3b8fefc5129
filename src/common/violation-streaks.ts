import { Injectable, Optional, type OnModuleDestroy } from '@nestjs/common';
import { AuditTrail, NoAuditTrail } from './audit-trail.js';
import { runOutsideRequests } from './request-context.js';

/** What is refused, by which rule, and from whom. */
export interface Violation {
  readonly rule: string;
  /** What the streak is of: an address, an origin. */
  readonly subject: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

interface Streak extends Violation {
  readonly since: Date;
  count: number;
  /** Monotonic time of the last one. */
  last: number;
}

/** A pause of this length ends a streak. */
const QUIET_MS = 60_000;
const SWEEP_MS = 5_000;
const MINUTE_MS = 60_000;
const MOST_STREAKS = 1_000;
const MOST_EVENTS_A_MINUTE = 60;

/**
 * Tells the audit trail of violations: the first of a streak when it comes, and their count when it has ended. So a flood
 * becomes neither a flood of events nor a memory of all who took part. Where too many begin at once, how many were left
 * out is told a minute later. Runs a timer only while there are streaks.
 */
@Injectable()
export class ViolationStreaks implements OnModuleDestroy {
  /** In the order of their last violation. */
  private readonly streaks = new Map<string, Streak>();
  private timer: NodeJS.Timeout | undefined;
  private minuteStart = 0;
  private events = 0;
  private unreported = 0;

  constructor(@Optional() private readonly audit: AuditTrail = new NoAuditTrail()) {}

  add({ rule, subject, metadata = {} }: Violation): void {
    const now = performance.now();
    const id = `${rule} ${subject}`;
    const known = this.streaks.get(id);
    if (known && now - known.last <= QUIET_MS) {
      known.count++;
      known.last = now;
      this.streaks.delete(id);
      this.streaks.set(id, known);
      return;
    }
    if (known) this.end(id, known, now);
    const [oldest] = this.streaks.size >= MOST_STREAKS ? this.streaks : [];
    if (oldest) this.end(...oldest, now);
    this.streaks.set(id, { rule, subject, metadata, since: new Date(), count: 1, last: now });
    this.record({ rule, ...metadata }, now);
    this.timer ??= setInterval(() => this.sweep(performance.now()), SWEEP_MS).unref();
  }

  /** What was counted must not be lost with the process. */
  onModuleDestroy(): void {
    this.endAll();
  }

  private sweep(now: number): void {
    for (const [id, streak] of this.streaks) {
      if (now - streak.last <= QUIET_MS) break;
      this.end(id, streak, now);
    }
    if (now - this.minuteStart > MINUTE_MS) this.tellUnreported();
    if (this.streaks.size === 0 && this.unreported === 0) this.stop();
  }

  private endAll(): void {
    for (const [id, streak] of this.streaks) this.end(id, streak, performance.now());
    this.tellUnreported();
    this.stop();
  }

  private stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private end(id: string, { rule, subject, metadata, since, count }: Streak, now: number): void {
    this.streaks.delete(id);
    if (count === 1) return;
    const told = { rule, ...metadata, subject, count, since: since.toISOString(), ended: true };
    // Many requests, and maybe none of them is the one that runs now.
    runOutsideRequests(() => this.record(told, now));
  }

  private record(metadata: Readonly<Record<string, unknown>>, now: number): void {
    if (now - this.minuteStart > MINUTE_MS) {
      this.tellUnreported();
      [this.minuteStart, this.events] = [now, 0];
    }
    if (++this.events > MOST_EVENTS_A_MINUTE) this.unreported++;
    else this.tell(metadata);
  }

  private tellUnreported(): void {
    const { unreported } = this;
    this.unreported = 0;
    if (unreported > 0) runOutsideRequests(() => this.tell({ rule: 'many', unreported }));
  }

  private tell(metadata: Readonly<Record<string, unknown>>): void {
    this.audit.record({ action: 'security.violation', outcome: 'denied', metadata });
  }
}
