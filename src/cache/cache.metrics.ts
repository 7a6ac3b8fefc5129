import type { Counter, Metrics } from '../ports/index.js';

/**
 * How a call ended: `hit_memory` and `hit_redis` with a fresh entry, `stale` with a stale entry that is loaded again in the
 * background, `stale_error` with a stale entry because the load failed, `miss` with a load, `shared` with the load of
 * another caller, `uncacheable` with a result that cannot be stored, `bypass` without the cache.
 *
 * @publicApi
 */
export type CacheOutcome =
  'hit_memory' | 'hit_redis' | 'stale' | 'stale_error' | 'miss' | 'shared' | 'uncacheable' | 'bypass';

/** Metrics of the cache. The label is the name of a method, never a key, because clients can choose keys. */
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
      help: 'Calls of cached methods and routes, by outcome.',
      labelNames: ['name', 'outcome'],
    });
    this.errors = metrics.counter({ name: 'cache_load_errors_total', help: 'Loads that failed.' }).labels({});
    this.redisFailures = metrics
      .counter({ name: 'cache_redis_failures_total', help: 'Commands that Redis did not answer in time.' })
      .labels({});
    metrics.gauge({ name: 'cache_memory_entries', help: 'Entries in the memory of this process.' }, () =>
      read.entries(),
    );
    metrics.gauge({ name: 'cache_memory_bytes', help: 'Estimated size of these entries.' }, () => read.bytes());
    metrics.gauge({ name: 'cache_falling_back', help: '1 while Redis fails and only memory is used.' }, () =>
      read.isDown() ? 1 : 0,
    );
    metrics.gauge(
      { name: 'cache_pending_invalidations', help: 'Invalidations that other replicas have not received yet.' },
      () => read.pendingInvalidations(),
    );
  }

  countOutcome(name: string, outcome: CacheOutcome): void {
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
