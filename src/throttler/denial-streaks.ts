import { Streaks, type Streak } from '../common/index.js';
import { runOutsideRequests } from '../context/index.js';
import { monotonicNow, type Hit, type Policy } from './policy.js';

interface Denial {
  /** `tier:scope:kind:key`. Names it for {@link ThrottlerService.unblock}. */
  readonly id: string;
  readonly policy: Policy;
  readonly key: string;
  readonly limit: number;
  readonly windowMs: number;
}

/** Refusals of one client by one policy, without a pause after which the client would have been admitted. */
export interface DenialStreak extends Denial {
  readonly since: Date;
  readonly count: number;
  /** Monotonic time at which the client will be admitted again. */
  readonly until: number;
}

const MAX_STREAKS_PER_POLICY = 10_000;
/** Clients may come back a little early. */
const GRACE_MS = 1_000;

/**
 * Counts the refusals of each client. A flood of refused requests causes two audit events: one when it begins, and one
 * with the count when it ends.
 */
export class DenialStreaks {
  /** By policy, and there by key: one string of both would have to be built and hashed for each refusal. */
  private readonly policies = new Map<string, Streaks<Denial>>();

  constructor(private readonly onEnd: (streak: DenialStreak) => void) {}

  /** Counts a refusal. @returns the streak if this refusal begins one */
  add({ policy, key, limit, windowMs }: Hit, waitMs: number): DenialStreak | undefined {
    const streaks = this.streaksOf(policy.id);
    const quietMs = waitMs + GRACE_MS;
    if (streaks.continue(key, quietMs)) return undefined;
    return flatten(streaks.begin(key, { id: `${policy.id}:${key}`, policy, key, limit, windowMs }, quietMs));
  }

  get(policyId: string, key: string): DenialStreak | undefined {
    const streak = this.policies.get(policyId)?.get(key);
    return streak && flatten(streak);
  }

  /** The streaks with the most refusals. */
  top(count: number): DenialStreak[] {
    const now = monotonicNow();
    return [...this.policies.values()]
      .flatMap((streaks) => streaks.all().map(flatten))
      .filter(({ until }) => until > now)
      .sort((a, b) => b.count - a.count)
      .slice(0, count);
  }

  /** Ends a streak, or all streaks. */
  end(streak?: DenialStreak): void {
    if (streak) this.policies.get(streak.policy.id)?.end(streak.key);
    else for (const streaks of this.policies.values()) streaks.endAll();
  }

  private streaksOf(policyId: string): Streaks<Denial> {
    let streaks = this.policies.get(policyId);
    if (!streaks) {
      // A streak ends during the request of another client, or during none.
      const onEnd = (streak: Streak<Denial>) => runOutsideRequests(() => this.onEnd(flatten(streak)));
      streaks = new Streaks(onEnd, MAX_STREAKS_PER_POLICY);
      this.policies.set(policyId, streaks);
    }
    return streaks;
  }
}

function flatten({ value, since, count, endsAt }: Streak<Denial>): DenialStreak {
  return { ...value, since, count, until: monotonicNow() + endsAt - performance.now() - GRACE_MS };
}
