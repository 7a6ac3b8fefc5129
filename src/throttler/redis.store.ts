import { createHash } from 'node:crypto';
import {
  monotonicNow,
  Policy,
  type Decision,
  type Hit,
  type ThrottleStore,
  type TrackerKind,
  type Verdict,
} from './policy.js';
import { CHARGE_ID_TTL_MS, type SentCharge } from './pending-charges.js';
import { CHARGE_SCRIPT, CHARGE_SCRIPT_SHA } from './redis-charge-script.js';
import { VALUES_BEFORE_HITS, VALUES_PER_HIT, FIXED_WINDOW, SCRIPT, SCRIPT_SHA, SHADOW } from './redis-script.js';

/** The commands that the store uses. A client of ioredis has them, for one server or a cluster. @publicApi */
export interface ThrottleRedis {
  evalsha(sha: string, keyCount: number, ...args: (string | number)[]): Promise<unknown>;
  eval(script: string, keyCount: number, ...args: (string | number)[]): Promise<unknown>;
  del(key: string): Promise<unknown>;
  /** Whether it is a cluster, which rejects a call with keys of several slots. */
  readonly isCluster?: boolean;
}

export interface RedisStoreOptions {
  keyPrefix: string;
  /** How long a caller waits for a decision, in milliseconds. */
  timeoutMs: number;
  /** How long a refusal is repeated without asking Redis, in milliseconds. */
  blockCacheMs: number;
  /** Clock of this process, in milliseconds. @default a clock that never goes back */
  now?: () => number;
}

interface KnownBlock {
  readonly since: number;
  readonly until: number;
  readonly cost: number;
  readonly verdict: Verdict;
}

/** Beyond this number the oldest known block is deleted, and Redis is asked again. */
const MAX_KNOWN_BLOCKS = 10_000;
const MAX_KEY_LENGTH = 200;
const KIND_LETTERS: Record<TrackerKind, string> = { address: 'a', user: 'u', custom: 'c' };
const PROBE = new Policy('probe', 0, 'custom', '', 'fixed-window', 'open', true);

/**
 * Counts in Redis, for all replicas together, with one script call for all policies of a request.
 *
 * The key of the client is the hash tag, so that all counters of one client are in one slot of a cluster.
 */
export class RedisStore implements ThrottleStore {
  private readonly blocks = new Map<string, KnownBlock>();
  /** Server time minus the time of this process, from the last answer; undefined before the first answer. */
  private clockOffset: number | undefined;
  private readonly now: () => number;

  constructor(
    private readonly redis: ThrottleRedis,
    private readonly options: RedisStoreOptions,
  ) {
    this.now = options.now ?? monotonicNow;
  }

  consume(hits: readonly Hit[]): Decision | Promise<Decision> {
    const keys = hits.map((hit) => this.keyOf(hit.policy, hit.key));
    return this.knownRefusal(hits, keys) ?? this.consumeInRedis(hits, keys);
  }

  async refund(hits: readonly Hit[]): Promise<void> {
    const returned = hits.map((hit) => ({ ...hit, cost: -hit.cost }));
    for (const group of this.groups(returned)) {
      await this.run(
        group,
        group.map(({ policy, key }) => this.keyOf(policy, key)),
        0,
      );
    }
  }

  /** Counts hits that this process has counted by itself. Several calls with one id count once. */
  async charge({ id, policy, key, windowMs, cost, ageMs }: SentCharge): Promise<void> {
    const counter = this.keyOf(policy, key);
    const args = [windowMs, cost, ageMs, policy.isFixed ? 1 : 0, CHARGE_ID_TTL_MS];
    await this.evaluate(CHARGE_SCRIPT, CHARGE_SCRIPT_SHA, [counter, `${counter}:${id}`], args);
  }

  async unblock(policy: Policy, key: string): Promise<void> {
    this.blocks.delete(this.keyOf(policy, key));
    await this.redis.del(this.keyOf(policy, key));
  }

  /** Checks that Redis runs the script and writes. */
  async probe(): Promise<void> {
    const probe: Hit = { policy: PROBE, key: '', cost: 1, limit: 1_000_000, windowMs: 1_000, blockMs: 0 };
    await this.run([probe], [this.keyOf(PROBE, '')], 0);
  }

  private async consumeInRedis(hits: readonly Hit[], keys: readonly string[]): Promise<Decision> {
    const groups = this.groups(hits);
    if (groups.length === 1) return this.ask(hits, keys);
    // On a cluster, keys of several clients are in several slots, which are asked one after another. A refusal refunds
    // what the groups before it consumed.
    const verdicts = new Map<Hit, Verdict>();
    const consumed: Hit[] = [];
    for (const group of groups) {
      const decision = await this.ask(
        group,
        group.map(({ policy, key }) => this.keyOf(policy, key)),
      );
      group.forEach((hit, i) => verdicts.set(hit, decision.verdicts[i] as Verdict));
      if (!decision.allowed) {
        await this.refund(consumed);
        return { allowed: false, verdicts: hits.map((hit) => verdicts.get(hit) ?? notAsked(hit)) };
      }
      consumed.push(...group.filter((hit) => verdicts.get(hit)?.allowed));
    }
    return { allowed: true, verdicts: hits.map((hit) => verdicts.get(hit) ?? notAsked(hit)) };
  }

  private async ask(hits: readonly Hit[], keys: readonly string[]): Promise<Decision> {
    const began = this.now();
    const deadline = this.clockOffset === undefined ? 0 : began + this.clockOffset + this.options.timeoutMs;
    let answer = await this.run(hits, keys, deadline);
    // Too late by the clock of Redis, but not by the clock of this process: the clock of Redis was changed. The new offset
    // is known now.
    if (answer[1] === -1 && this.now() - began < this.options.timeoutMs) answer = await this.run(hits, keys, 0);
    if (answer[1] === -1) throw new Error('Redis did not decide in time');
    return this.decision(hits, keys, answer);
  }

  private async run(hits: readonly Hit[], keys: readonly string[], deadline: number): Promise<number[]> {
    const args: number[] = [deadline];
    for (const { policy, limit, windowMs, cost, blockMs } of hits) {
      args.push(limit, windowMs, cost, blockMs, (policy.isFixed ? FIXED_WINDOW : 0) | (policy.isShadow ? SHADOW : 0));
    }
    const answer = await this.evaluate(SCRIPT, SCRIPT_SHA, keys, args);
    this.clockOffset = (answer[0] ?? 0) - this.now();
    return answer;
  }

  private async evaluate(
    script: string,
    sha: string,
    keys: readonly string[],
    args: readonly number[],
  ): Promise<number[]> {
    try {
      return (await this.redis.evalsha(sha, keys.length, ...keys, ...args)) as number[];
    } catch (error) {
      // After a restart, a flush or a failover the server does not have the script.
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return (await this.redis.eval(script, keys.length, ...keys, ...args)) as number[];
    }
  }

  private decision(hits: readonly Hit[], keys: readonly string[], answer: readonly number[]): Decision {
    const verdicts = hits.map(({ limit }, i): Verdict => {
      const at = VALUES_BEFORE_HITS + i * VALUES_PER_HIT;
      const [allowed = 0, remaining = 0, resetMs = 0, waitMs = 0] = answer.slice(at, at + VALUES_PER_HIT);
      return { allowed: allowed === 1, limit, remaining, resetMs, waitMs };
    });
    const allowed = answer[1] === 1;
    if (!allowed) this.remember(hits, keys, verdicts);
    return { allowed, verdicts };
  }

  /** Repeats a refusal of Redis, so that a flood does not reach Redis. */
  private knownRefusal(hits: readonly Hit[], keys: readonly string[]): Decision | undefined {
    if (this.blocks.size === 0) return undefined;
    const now = this.now();
    const known = hits.map((hit, i) => this.knownBlock(hit, keys[i] as string, now));
    if (known.every((block) => block === undefined)) return undefined;
    return {
      allowed: false,
      verdicts: hits.map((hit, i) => {
        const block = known[i];
        return block
          ? { ...block.verdict, waitMs: Math.max(1, block.verdict.waitMs - (now - block.since)) }
          : notAsked(hit);
      }),
    };
  }

  private knownBlock({ policy, cost }: Hit, key: string, now: number): KnownBlock | undefined {
    const block = policy.isShadow ? undefined : this.blocks.get(key);
    if (block === undefined || cost < block.cost) return undefined;
    if (block.until > now) return block;
    this.blocks.delete(key);
    return undefined;
  }

  private remember(hits: readonly Hit[], keys: readonly string[], verdicts: readonly Verdict[]): void {
    const now = this.now();
    hits.forEach(({ policy, cost }, i) => {
      const verdict = verdicts[i] as Verdict;
      if (verdict.allowed || policy.isShadow) return;
      const [oldest] = this.blocks.size >= MAX_KNOWN_BLOCKS ? this.blocks.keys() : [];
      if (oldest !== undefined) this.blocks.delete(oldest);
      const until = now + Math.min(verdict.waitMs, this.options.blockCacheMs);
      this.blocks.set(keys[i] as string, { until, since: now, cost, verdict });
    });
  }

  /** Groups the hits into those that one call can check. */
  private groups(hits: readonly Hit[]): readonly (readonly Hit[])[] {
    if (hits.length < 2 || !this.redis.isCluster) return [hits];
    const groups = new Map<string, Hit[]>();
    for (const hit of hits) {
      const tag = KIND_LETTERS[hit.policy.kind] + hit.key;
      const group = groups.get(tag);
      if (group) group.push(hit);
      else groups.set(tag, [hit]);
    }
    return [...groups.values()];
  }

  private keyOf(policy: Policy, key: string): string {
    const name = key.length > MAX_KEY_LENGTH ? createHash('sha256').update(key).digest('base64url') : key;
    return `${this.options.keyPrefix}${policy.name}:${policy.scope}:{${KIND_LETTERS[policy.kind]}:${name}}`;
  }
}

/** The verdict of a policy that was not asked, because another policy had refused. */
function notAsked({ limit, windowMs }: Hit): Verdict {
  return { allowed: true, limit, remaining: limit, resetMs: windowMs, waitMs: 0 };
}
