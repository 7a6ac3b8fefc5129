import { CounterTable } from './counter-table.js';
import { hashOf } from './key-hash.js';
import { monotonicNow, type Decision, type Hit, type Policy, type ThrottleStore, type Verdict } from './policy.js';

/** @internal */
export interface MemoryStoreOptions {
  /** Maximum number of keys that a tier counts individually. */
  maxKeys: number;
  /** Clock in milliseconds. @default a clock that never goes back */
  now?: () => number;
}

/**
 * Counts in this process.
 *
 * @see CounterTable
 */
export class MemoryStore implements ThrottleStore {
  private readonly tables: (CounterTable | undefined)[] = [];
  private readonly now: () => number;

  constructor(private readonly options: MemoryStoreOptions) {
    this.now = options.now ?? monotonicNow;
  }

  get size(): number {
    return this.tables.reduce((sum, table) => sum + (table?.size ?? 0), 0);
  }

  get bytes(): number {
    return this.tables.reduce((sum, table) => sum + (table?.bytes ?? 0), 0);
  }

  consume(hits: readonly Hit[]): Decision {
    const now = this.now();
    const [only] = hits;
    if (hits.length === 1 && only !== undefined) {
      const verdict = this.ask(only, now, false);
      return { allowed: verdict.allowed || only.policy.isShadow, verdicts: [verdict] };
    }
    const peeks = hits.map((hit) => this.ask(hit, now, true));
    const allowed = peeks.every((peek, i) => peek.allowed || hits[i]?.policy.isShadow === true);
    // No policy counts a refused request, but each policy that refuses it begins its block.
    const verdicts = hits.map((hit, i) => {
      const peek = peeks[i] as Verdict;
      return allowed || !peek.allowed ? this.ask(hit, now, false) : withoutCost(peek, hit);
    });
    return { allowed, verdicts };
  }

  refund(hits: readonly Hit[]): void {
    const now = this.now();
    for (const { policy, key, cost } of hits) {
      const { a, b } = hashOf(key);
      this.tableOf(policy).refund((a ^ policy.saltA) >>> 0, (b ^ policy.saltB) >>> 0, cost, now);
    }
  }

  unblock(policy: Policy, key: string): void {
    const { a, b } = hashOf(key);
    this.tableOf(policy).unblock((a ^ policy.saltA) >>> 0, (b ^ policy.saltB) >>> 0, this.now());
  }

  private ask(hit: Hit, now: number, isPeek: boolean): Verdict {
    const { policy, limit } = hit;
    const table = this.tableOf(policy);
    const hash = hashOf(hit.key);
    const allowed = table.take((hash.a ^ policy.saltA) >>> 0, (hash.b ^ policy.saltB) >>> 0, hit, now, isPeek);
    return { allowed, limit, remaining: table.remaining, resetMs: table.resetMs, waitMs: table.waitMs };
  }

  private tableOf({ tier }: Policy): CounterTable {
    return (this.tables[tier] ??= new CounterTable(this.options.maxKeys));
  }
}

/** The verdict of a peek has subtracted the cost, which was not consumed. */
function withoutCost(peek: Verdict, { cost }: Hit): Verdict {
  return { ...peek, remaining: peek.remaining + cost };
}
