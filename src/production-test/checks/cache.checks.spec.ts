import { describe, expect, it } from 'vitest';
import type { CacheService } from '../../cache/index.js';
import type { ImportedModules } from '../imported-modules.js';
import { CacheChecks } from './cache.checks.js';

/** A working cache. `changes` replaces parts of it. */
const cache = (changes: object = {}) => {
  const values = new Map<string, unknown>();
  const lookup = async ({ key }: { key: string }, load: () => unknown) => {
    const isHit = values.has(key);
    if (!isHit) values.set(key, load());
    return { value: await values.get(key), outcome: isHit ? 'hit_memory' : 'miss' };
  };
  const wrap = async (request: { key: string }, load: () => unknown) => (await lookup(request, load)).value;
  const invalidate = () => Promise.resolve(values.clear());
  return { lookup, wrap, invalidate, shared: {}, isFallingBack: false, ...changes } as unknown as CacheService;
};

const checksOf = (cache?: CacheService) =>
  new CacheChecks({ find: () => Promise.resolve(cache) } as unknown as ImportedModules).checks;

const run = (name: string, of?: CacheService) =>
  checksOf(of)
    .find((check) => check.name === name)
    ?.run();

/** A change of the cache for each check that makes the check fail. */
const BROKEN: Record<string, object> = {
  'cache.single-flight': { wrap: (_request: object, load: () => unknown) => load() },
  'cache.invalidation': { invalidate: () => Promise.resolve() },
  'cache.shared': { isFallingBack: true },
};

describe('the checks of the cache', () => {
  it('each have a case that makes them fail', () => {
    expect(
      checksOf()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(Object.keys(BROKEN).sort());
  });

  it.each(Object.entries(BROKEN))('%s', async (name, changes) => {
    expect(await run(name, cache())).toMatchObject({ status: 'pass' });
    expect((await run(name, cache(changes)))?.status).toMatch(/warn|fail/);
    expect(await run(name)).toMatchObject({ status: 'skip' });
  });
});
