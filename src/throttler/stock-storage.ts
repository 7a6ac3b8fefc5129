import type { ThrottlerStorage } from '@nestjs/throttler';
import { Policy, toSeconds, type Decision, type Hit, type ThrottleStore, type Verdict } from './policy.js';

/** What a storage answers. @nestjs/throttler does not export the type. @publicApi */
export type ThrottlerStorageRecord = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/**
 * Uses a storage written for @nestjs/throttler as a store. Such a storage checks and counts one limit at a time. If one
 * policy refuses a request, the policies before it have already counted the request.
 */
export class StockStorageStore implements ThrottleStore {
  constructor(private readonly storage: ThrottlerStorage) {}

  async consume(hits: readonly Hit[]): Promise<Decision> {
    const verdicts: Verdict[] = [];
    for (const { policy, key, limit, windowMs, blockMs, cost } of hits) {
      let verdict: Verdict | undefined;
      for (let i = 0; i < cost; i++) {
        verdict = verdictOf(
          await this.storage.increment(`${policy.id}:${key}`, windowMs, limit, blockMs || windowMs, policy.name),
          limit,
        );
        if (!verdict.allowed) break;
      }
      verdicts.push(verdict ?? { allowed: true, limit, remaining: limit, resetMs: windowMs, waitMs: 0 });
    }
    const allowed = verdicts.every((verdict, i) => verdict.allowed || hits[i]?.policy.isShadow === true);
    return { allowed, verdicts };
  }

  /** Such a storage cannot refund. */
  refund(): void {}

  unblock(): never {
    throw new Error(
      'A storage written for @nestjs/throttler cannot delete a key. To unblock clients, remove the option `storage`.',
    );
  }

  async probe(): Promise<void> {
    await this.storage.increment('nest-bulwark:probe', 1_000, 1_000_000, 1_000, 'probe');
  }
}

/** The store with the interface of a storage of @nestjs/throttler, for `@InjectThrottlerStorage()`. */
export class StockStorageFacade implements ThrottlerStorage {
  private readonly policies = new Map<string, Policy>();

  constructor(
    private readonly store: ThrottleStore,
    private readonly tierIndex: (name: string) => number,
  ) {}

  async increment(
    key: string,
    ttl: number,
    limit: number,
    blockDuration: number,
    throttlerName: string,
  ): Promise<ThrottlerStorageRecord> {
    let policy = this.policies.get(throttlerName);
    if (!policy) {
      policy = new Policy(throttlerName, this.tierIndex(throttlerName), 'custom', 'increment');
      this.policies.set(throttlerName, policy);
    }
    const hit: Hit = { policy, key, cost: 1, limit, windowMs: ttl, blockMs: blockDuration };
    const { verdicts } = await this.store.consume([hit]);
    return recordOf(verdicts[0] as Verdict);
  }
}

export function recordOf({ allowed, limit, remaining, resetMs, waitMs }: Verdict): ThrottlerStorageRecord {
  return {
    totalHits: allowed ? limit - remaining : limit + 1,
    timeToExpire: toSeconds(resetMs),
    isBlocked: !allowed,
    timeToBlockExpire: toSeconds(waitMs),
  };
}

function verdictOf(record: ThrottlerStorageRecord, limit: number): Verdict {
  return {
    allowed: !record.isBlocked,
    limit,
    remaining: Math.max(0, limit - record.totalHits),
    resetMs: record.timeToExpire * 1_000,
    waitMs: record.isBlocked ? Math.max(1, record.timeToBlockExpire) * 1_000 : 0,
  };
}
