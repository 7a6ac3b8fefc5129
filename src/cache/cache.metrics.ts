import type { Counter, Metrics } from '../ports/index.js';

/**
 * How a call ended: with a fresh entry from memory or from Redis, a stale one while it is loaded anew, a stale one because
 * loading failed, a load, the load of somebody else, a load whose result cannot be stored, or past the cache.
 */
export type CacheOutcome =
  'hit_memory' | 'hit_redis' | 'stale' | 'stale_error' | 'miss' | 'shared' | 'uncacheable' | 'bypass';

/** Figures of the cache. Labels are names of methods, which the program has, never keys, which clients choose. */
export class CacheMetrics {
  private readonly lookups;
  private readonly series = new Map<string, Counter>();
  private readonly errors: Counter;
  private readonly redisFailures: Counter;

  constructor(
    metrics: Metrics,
    read: { entries(): number; bytes(): number; isDown(): boolean; pendingInvalidations(): number },
  ) {
    this.lookups = metrics.counter({
      name: 'cache_lookups_total',
      help: 'Calls of cached methods and routes, by how they ended.',
      labelNames: ['name', 'outcome'],
    });
    this.errors = metrics.counter({ name: 'cache_load_errors_total', help: 'Loads that failed.' }).labels({});
    this.redisFailures = metrics
      .counter({ name: 'cache_redis_failures_total', help: 'Commands that Redis did not answer in time.' })
      .labels({});
    metrics.gauge({ name: 'cache_memory_entries', help: 'Entries in the memory of this process.' }, () =>
      read.entries(),
    );
    metrics.gauge({ name: 'cache_memory_bytes', help: 'Bytes that these entries take, estimated.' }, () =>
      read.bytes(),
    );
    metrics.gauge({ name: 'cache_falling_back', help: '1 while Redis is left alone and memory serves.' }, () =>
      read.isDown() ? 1 : 0,
    );
    metrics.gauge({ name: 'cache_pending_invalidations', help: 'Invalidations that wait for Redis.' }, () =>
      read.pendingInvalidations(),
    );
  }

  ended(name: string, outcome: CacheOutcome): void {
    const key = `${outcome} ${name}`;
    let counter = this.series.get(key);
    if (!counter) this.series.set(key, (counter = this.lookups.labels({ name, outcome })));
    counter.add();
  }

  loadFailed(): void {
    this.errors.add();
  }

  redisFailed(): void {
    this.redisFailures.add();
  }
}
