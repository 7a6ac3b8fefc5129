import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { CacheService } from '../../cache/index.js';
import { checkExpectations, skip, type CheckOutcome } from '../../reports/index.js';
import { describeMissing, ImportedModules } from '../imported-modules.js';
import { SelfTest, type SelfTestSuite } from '../self-test.js';
import { SUITE } from '../suite-providers.js';

/** Long enough for a check. Entries of a check expire soon after it. */
const TTL_MS = 10_000;
const CONCURRENT_CALLS = 20;

/** The checks use random keys that nothing else uses. */
@Injectable()
@SelfTest()
export class CacheChecks implements SelfTestSuite {
  readonly checks = [
    {
      name: 'cache.single-flight',
      title: 'Parallel calls for one key load the value once and cache it',
      reference: 'docs/caching.md',
      run: () => this.with((cache) => this.singleFlight(cache)),
    },
    {
      name: 'cache.invalidation',
      title: 'An invalidated value is loaded again',
      reference: 'docs/caching.md',
      run: () => this.with((cache) => this.invalidation(cache)),
    },
    {
      name: 'cache.shared',
      title: 'The cache reaches the Redis that it shares with other replicas',
      reference: 'docs/caching.md',
      run: () => this.with((cache) => Promise.resolve(this.shared(cache))),
    },
  ];

  constructor(private readonly modules: ImportedModules) {}

  private async with(check: (cache: CacheService) => Promise<CheckOutcome>): Promise<CheckOutcome> {
    const cache = await this.modules.find(SUITE.cacheService);
    return cache ? check(cache) : skip(describeMissing(SUITE.cacheService.module));
  }

  private async singleFlight(cache: CacheService): Promise<CheckOutcome> {
    const request = { name: 'self-test', key: randomUUID(), ttlMs: TTL_MS };
    let loads = 0;
    const load = () => Promise.resolve(++loads);
    const values = await Promise.all(Array.from({ length: CONCURRENT_CALLS }, () => cache.wrap(request, load)));
    const again = await cache.lookup(request, load);
    return checkExpectations(
      [
        { what: `${CONCURRENT_CALLS} parallel calls load once`, met: loads === 1, seen: loads },
        { what: 'all get that result', met: values.every((value) => value === 1), seen: [...new Set(values)] },
        { what: 'a later call gets the cached value', met: again.outcome.startsWith('hit'), seen: again.outcome },
      ],
      'Look for "Cache" in the log, and check maxEntries and maxBytes. A cache that is too small stores nothing.',
    );
  }

  private async invalidation(cache: CacheService): Promise<CheckOutcome> {
    const key = randomUUID();
    const request = { name: 'self-test', key, ttlMs: TTL_MS, tags: [`self-test:${key}`] };
    await cache.wrap(request, () => 'old');
    await cache.invalidate(`self-test:${key}`);
    const value = await cache.wrap(request, () => 'new');
    return checkExpectations(
      [{ what: 'the new value is returned after the invalidation', met: value === 'new', seen: value }],
      'Check the health of Redis, which stores the versions of tags.',
    );
  }

  private shared(cache: CacheService): CheckOutcome {
    if (!cache.shared) return skip('no Redis is configured');
    return checkExpectations(
      [{ what: 'Redis responds to the cache', met: !cache.isFallingBack }],
      'Check Redis. While it does not respond, each replica uses only its own memory.',
      'warn',
    );
  }
}
