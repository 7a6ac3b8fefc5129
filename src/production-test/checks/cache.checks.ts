import { randomUUID } from 'node:crypto';
import { Injectable, Optional } from '@nestjs/common';
import { CacheService } from '../../cache/index.js';
import { judge, skip, type CheckFinding } from '../../reports/index.js';
import { SelfTest, type SelfTestSuite } from '../self-test.js';

/** Long enough for a check, short enough that nothing of it stays. */
const TTL_MS = 10_000;
const AT_ONCE = 20;

/** Under keys of their own, which nobody else asks for. */
@Injectable()
@SelfTest()
export class CacheChecks implements SelfTestSuite {
  readonly checks = [
    {
      name: 'cache.single-flight',
      title: 'What many ask for at once is loaded once, and remembered',
      reference: 'docs/caching.md',
      run: () => this.with((cache) => this.singleFlight(cache)),
    },
    {
      name: 'cache.invalidation',
      title: 'What is invalidated is loaded anew',
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

  constructor(@Optional() private readonly cache?: CacheService) {}

  private with(check: (cache: CacheService) => Promise<CheckFinding>): Promise<CheckFinding> {
    return this.cache ? check(this.cache) : Promise.resolve(skip('CacheModule is not imported'));
  }

  private async singleFlight(cache: CacheService): Promise<CheckFinding> {
    const request = { name: 'self-test', key: randomUUID(), ttlMs: TTL_MS };
    let loads = 0;
    const load = () => Promise.resolve(++loads);
    const values = await Promise.all(Array.from({ length: AT_ONCE }, () => cache.wrap(request, load)));
    const again = await cache.lookup(request, load);
    return judge(
      [
        { what: `${AT_ONCE} calls at once load once`, met: loads === 1, seen: loads },
        { what: 'all get that result', met: values.every((value) => value === 1), seen: [...new Set(values)] },
        { what: 'a later call is answered from the cache', met: again.outcome.startsWith('hit'), seen: again.outcome },
      ],
      'Look at the log for "Cache", and at maxEntries and maxBytes: a cache that is too small keeps nothing.',
    );
  }

  private async invalidation(cache: CacheService): Promise<CheckFinding> {
    const key = randomUUID();
    const request = { name: 'self-test', key, ttlMs: TTL_MS, tags: [`self-test:${key}`] };
    await cache.wrap(request, () => 'old');
    await cache.invalidate(`self-test:${key}`);
    const value = await cache.wrap(request, () => 'new');
    return judge(
      [{ what: 'the new result is given after the invalidation', met: value === 'new', seen: value }],
      'Look at the health of Redis: tags are versions that are kept there.',
    );
  }

  private shared(cache: CacheService): CheckFinding {
    if (!cache.shared) return skip('no Redis is configured');
    return judge(
      [{ what: 'Redis answers the cache', met: !cache.isFallingBack }],
      'Look at Redis: while it does not answer, each replica remembers by itself.',
      'warn',
    );
  }
}
