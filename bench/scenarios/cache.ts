import { createCache } from 'cache-manager';
import type { MicroScenario, Row, RunOptions } from '../harness/scenario.js';

/** A typical list in the response of an API. */
const VALUE = Array.from({ length: 20 }, (_, i) => ({ id: i, name: `Thing ${i}`, tags: ['a', 'b'], price: i * 1.5 }));
const TTL_MS = 3_600_000;
const BATCH = 200;

interface Library {
  CacheService: new (settings: object) => {
    wrap(request: object, load: () => unknown): Promise<unknown>;
  };
  cacheSettings(options: object): object;
}

async function run({ rounds, seconds }: RunOptions): Promise<Row[]> {
  const library = (await import(new URL('../../../dist/cache/index.js', import.meta.url).href)) as Library;
  const cache = new library.CacheService(library.cacheSettings({ redis: false, ttlMs: TTL_MS }));
  const stock = createCache({ ttl: TTL_MS });
  const never = () => VALUE;
  const request = { name: 'things', key: 'all' };
  const frozen = { name: 'things', key: 'frozen', frozen: true };
  const tagged = { name: 'things', key: 'tagged', tags: ['things', 'lists'] };
  const subjects: { name: string; hit: () => Promise<unknown> }[] = [
    { name: 'cache-manager, wrap', hit: () => stock.wrap('all', never) },
    { name: 'nest-bulwark, wrap', hit: () => cache.wrap(request, never) },
    { name: 'nest-bulwark, wrap, frozen', hit: () => cache.wrap(frozen, never) },
    { name: 'nest-bulwark, wrap with two tags', hit: () => cache.wrap(tagged, never) },
  ];
  for (const { hit } of subjects) await hit();
  const times = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    for (const { name, hit } of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const microseconds = await timed(hit, seconds);
      times.set(name, [...(times.get(name) ?? []), microseconds]);
      console.log(`  round ${round + 1}  ${name}: ${microseconds.toFixed(2)} µs`);
    }
  }
  const of = (name: string) => median(times.get(name) ?? []);
  return subjects.map(({ name }) => ({
    cache: name,
    'CPU µs per hit': of(name).toFixed(2),
    ratio: (of(name) / of(subjects[0].name)).toFixed(2),
  }));
}

/** CPU time of one hit, in microseconds. */
async function timed(hit: () => Promise<unknown>, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1_000;
  const before = process.cpuUsage();
  let count = 0;
  for (; performance.now() < end; count += BATCH) for (let i = 0; i < BATCH; i++) await hit();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

export const cache: MicroScenario = {
  kind: 'micro',
  name: 'cache',
  description: 'One hit in memory on a list of 20 objects: `wrap` of cache-manager with Keyv, and ours.',
  packages: ['cache-manager', 'keyv', '@nestjs/cache-manager'],
  notes: [
    'CPU time of the process, including its garbage collector, divided by the number of hits; medians of the rounds. Ours gives each caller its own copy, or with `frozen` one object that cannot be changed. cache-manager gives all callers the same object, so a change by one caller affects all.',
  ],
  run,
};
