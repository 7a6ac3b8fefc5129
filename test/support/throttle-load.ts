import { setTimeout as sleep } from 'node:timers/promises';
import { FallbackStore } from '../../src/throttler/fallback.store.js';
import { MemoryStore } from '../../src/throttler/memory.store.js';
import { Policy, type Hit } from '../../src/throttler/policy.js';
import { RedisStore, type ThrottleRedis } from '../../src/throttler/redis.store.js';
import { until } from './until.js';

const CLIENTS = 20;
/** Pause between two requests of a client, so that decisions in memory are not the large majority. */
const PAUSE_MS = 2;
const policy = new Policy('default', 0, 'address', '');

/** Clients that send requests to a store on Redis without a pause, and the results that they got. */
export class ThrottleLoad {
  readonly store: FallbackStore;
  /** How long each decision took, in milliseconds. */
  readonly latencies: number[] = [];
  readonly errors: unknown[] = [];
  /** Decisions that Redis made. */
  shared = 0;
  private readonly asked = new Map<string, number>();
  private clients: Promise<void>[] = [];
  private isOn = true;

  constructor(redis: ThrottleRedis) {
    const timeoutMs = 100;
    this.store = new FallbackStore(
      new RedisStore(redis, { keyPrefix: 'load:', timeoutMs, blockCacheMs: 5_000 }),
      new MemoryStore({ maxKeys: 1_000 }),
      {
        timeoutMs,
        failures: 3,
        probeIntervalMs: 100,
        replicas: 2,
        onFailure: () => undefined,
        onChange: () => undefined,
      },
    );
  }

  begin(): void {
    this.clients = Array.from({ length: CLIENTS }, (_, i) => this.client(`client ${i}`));
  }

  /** Waits for `count` more decisions, by any store or by Redis. */
  async more(count = 200, by: 'any store' | 'Redis' = 'any store'): Promise<void> {
    const decided = () => (by === 'Redis' ? this.shared : this.latencies.length);
    const before = decided();
    await until(`${by} decides ${count} times`, () => decided() >= before + count);
  }

  async end(): Promise<void> {
    this.isOn = false;
    await Promise.all(this.clients);
    this.store.stop();
  }

  /** Clients for which Redis has counted more hits than they made. */
  async countedTwice(): Promise<string[]> {
    const found: string[] = [];
    for (const [key, asked] of this.asked) {
      const { isLocal, verdicts } = await this.store.consume([hit(key)]);
      if (!isLocal && LIMIT - (verdicts[0]?.remaining ?? LIMIT) - 1 > asked) found.push(key);
    }
    return found;
  }

  /** A percentile of the latencies, in milliseconds. */
  percentile(part: number): number {
    const sorted = this.latencies.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  }

  private async client(key: string): Promise<void> {
    while (this.isOn) {
      this.asked.set(key, (this.asked.get(key) ?? 0) + 1);
      const began = performance.now();
      try {
        const { isLocal } = await this.store.consume([hit(key)]);
        if (!isLocal) this.shared++;
      } catch (error) {
        this.errors.push(error);
      }
      this.latencies.push(performance.now() - began);
      await sleep(PAUSE_MS);
    }
  }
}

const LIMIT = 1_000_000_000;

function hit(key: string): Hit {
  return { policy, key, cost: 1, limit: LIMIT, windowMs: 3_600_000, blockMs: 0 };
}
