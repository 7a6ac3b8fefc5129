import { runOutsideRequests } from '../context/index.js';
import { monotonicNow, type Hit, type Policy } from './policy.js';

/** Refusals of one client by one policy, without a pause that would have let it in. */
export interface DenialStreak {
  /** `tier:scope:kind:key`. Names it for {@link ThrottlerService.lift}. */
  readonly id: string;
  readonly policy: Policy;
  readonly key: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly since: Date;
  count: number;
  /** Monotonic time at which the client would be let in again. */
  until: number;
}

/** Of one policy. */
const MAX_STREAKS = 10_000;
const SWEEP_MS = 5_000;
/** Clients come back a little early. */
const GRACE_MS = 1_000;

/**
 * Knows who is being refused, so that a flood makes two audit events and not a million: one at its beginning, one with
 * the count at its end. Runs a timer only while somebody is being refused.
 */
export class DenialStreaks {
  /** By policy and key, because an id made of both would be a new text, and so a hash, at each refusal. */
  private readonly streaks = new Map<string, Map<string, DenialStreak>>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly onEnd: (streak: DenialStreak) => void) {}

  /** Counts a refusal; the answer is the streak where it begins one. */
  add({ policy, key, limit, windowMs }: Hit, waitMs: number): DenialStreak | undefined {
    const now = monotonicNow();
    const known = this.get(policy.id, key);
    if (known && now <= known.until + GRACE_MS) {
      known.count++;
      known.until = Math.max(known.until, now + waitMs);
      return undefined;
    }
    if (known) this.end(known);
    const ofPolicy = this.streaks.get(policy.id) ?? new Map<string, DenialStreak>();
    const [oldest] = ofPolicy.size >= MAX_STREAKS ? ofPolicy.values() : [];
    if (oldest) this.end(oldest);
    const id = `${policy.id}:${key}`;
    const streak: DenialStreak = { id, policy, key, limit, windowMs, since: new Date(), count: 1, until: now + waitMs };
    this.streaks.set(policy.id, ofPolicy.set(key, streak));
    this.timer ??= setInterval(() => this.sweep(), SWEEP_MS).unref();
    return streak;
  }

  get(policyId: string, key: string): DenialStreak | undefined {
    return this.streaks.get(policyId)?.get(key);
  }

  top(count: number): DenialStreak[] {
    const now = monotonicNow();
    return this.all()
      .filter(({ until }) => until > now)
      .sort((a, b) => b.count - a.count)
      .slice(0, count);
  }

  /** Ends a streak, or all of them. */
  end(streak?: DenialStreak): void {
    for (const one of streak ? [streak] : this.all()) {
      const ofPolicy = this.streaks.get(one.policy.id);
      ofPolicy?.delete(one.key);
      if (ofPolicy?.size === 0) this.streaks.delete(one.policy.id);
      // It ends in the time of another request, or in none.
      runOutsideRequests(() => this.onEnd(one));
    }
    if (this.streaks.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private sweep(): void {
    const now = monotonicNow();
    for (const streak of this.all()) if (now > streak.until + GRACE_MS) this.end(streak);
  }

  private all(): DenialStreak[] {
    return [...this.streaks.values()].flatMap((ofPolicy) => [...ofPolicy.values()]);
  }
}
