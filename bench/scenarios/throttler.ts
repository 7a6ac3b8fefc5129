import { ThrottlerStorageService } from '@nestjs/throttler';
import type { BenchRequest, BenchServer, HttpScenario, MicroScenario, Row, RunOptions } from '../harness/scenario.js';

const WINDOW_MS = 60_000;
/** Never reached: what is measured is counting. */
const LIMIT = 1_000_000_000;
const KEY_COUNTS = [1, 10_000, 1_000_000];
/** One hot client whose window holds this many hits is what the stock store walks at each request. */
const HITS_BEFORE = 1_000;

/** The part of `src/throttler` that is used here; loaded by address, because the library hides it. */
interface Internals {
  MemoryStore: new (options: { maxKeys: number }) => { consume(hits: object[]): unknown; readonly bytes: number };
  Policy: new (name: string, tier: number, kind: string, scope: string) => object;
}

async function internals(): Promise<Internals> {
  const load = (file: string) => import(new URL(`../../../dist/throttler/${file}`, import.meta.url).href);
  return { ...(await load('memory.store.js')), ...(await load('policy.js')) } as Internals;
}

interface Subject {
  name: string;
  /** Seconds in which so many decisions are made, and the bytes that one key takes. */
  measure(keys: string[], seconds: number): Promise<{ nanoseconds: number; bytesPerKey: number; longestMs: number }>;
}

function ours({ MemoryStore, Policy }: Internals): Subject {
  return {
    name: 'nest-bulwark',
    measure: async (keys, seconds) => {
      const policy = new Policy('default', 0, 'address', '');
      const before = memory();
      const store = new MemoryStore({ maxKeys: 2_000_000 });
      const decide = (key: string) =>
        store.consume([{ policy, key, cost: 1, limit: LIMIT, windowMs: WINDOW_MS, blockMs: 0 }]);
      let longestMs = 0;
      for (const key of keys) {
        const began = performance.now();
        decide(key);
        longestMs = Math.max(longestMs, performance.now() - began);
      }
      const bytesPerKey = (memory() - before) / keys.length;
      for (let i = 0; i < HITS_BEFORE; i++) decide(keys[0]);
      return { nanoseconds: timed(keys, seconds, decide), bytesPerKey, longestMs };
    },
  };
}

const stock: Subject = {
  name: '@nestjs/throttler',
  measure: async (keys, seconds) => {
    const before = memory();
    const store = new ThrottlerStorageService();
    const decide = (key: string) => store.increment(key, WINDOW_MS, LIMIT, WINDOW_MS, 'default');
    let longestMs = 0;
    for (const key of keys) {
      const began = performance.now();
      await decide(key);
      longestMs = Math.max(longestMs, performance.now() - began);
    }
    const bytesPerKey = (memory() - before) / keys.length;
    for (let i = 0; i < HITS_BEFORE; i++) await decide(keys[0]);
    const nanoseconds = await timedAsync(keys, seconds, decide);
    store.onApplicationShutdown();
    return { nanoseconds, bytesPerKey, longestMs };
  },
};

/** Live memory, typed arrays among it, after a collection. */
function memory(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** CPU time of this process, which a neighbour on the machine disturbs less than the clock on the wall. */
function cpuNanoseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1_000;
}

const STEP = 7_919;
const BATCH = 1_000;

function timed(keys: string[], seconds: number, decide: (key: string) => unknown): number {
  const [began, end] = [cpuNanoseconds(), performance.now() + seconds * 1_000];
  let decisions = 0;
  for (let at = 0; performance.now() < end; decisions += BATCH) {
    for (let i = 0; i < BATCH; i++) decide(keys[(at = (at + STEP) % keys.length)]);
  }
  return (cpuNanoseconds() - began) / decisions;
}

async function timedAsync(keys: string[], seconds: number, decide: (key: string) => Promise<unknown>): Promise<number> {
  const [began, end] = [cpuNanoseconds(), performance.now() + seconds * 1_000];
  let decisions = 0;
  // A smaller batch: one decision of the stock store can take a millisecond.
  for (let at = 0; performance.now() < end; decisions += 10) {
    for (let i = 0; i < 10; i++) await decide(keys[(at = (at + STEP) % keys.length)]);
  }
  return (cpuNanoseconds() - began) / decisions;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

async function run({ rounds, seconds }: RunOptions): Promise<Row[]> {
  const subjects = [ours(await internals()), stock];
  const rows: Row[] = [];
  for (const count of KEY_COUNTS) {
    const keys = Array.from({ length: count }, (_, i) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`);
    const results = new Map(subjects.map((subject) => [subject, [] as Awaited<ReturnType<Subject['measure']>>[]]));
    for (let round = 0; round < rounds; round++) {
      for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
        const result = await subject.measure(keys, seconds);
        results.get(subject)?.push(result);
        console.log(`  round ${round + 1}  ${count} keys  ${subject.name}: ${result.nanoseconds.toFixed(0)} ns`);
      }
    }
    for (const [{ name }, all] of results) {
      rows.push({
        store: name,
        keys: count,
        'CPU ns per decision': Math.round(median(all.map(({ nanoseconds }) => nanoseconds))),
        'bytes per key': count === 1 ? '–' : Math.round(median(all.map(({ bytesPerKey }) => bytesPerKey))),
        'longest decision ms': median(all.map(({ longestMs }) => longestMs)).toFixed(1),
      });
    }
  }
  return rows;
}

export const throttlerStore: MicroScenario = {
  kind: 'micro',
  name: 'throttler-store',
  description: `One decision in memory: ours and that of \`@nestjs/throttler\`, with ${HITS_BEFORE} hits of the first key in the window before it begins.`,
  packages: ['@nestjs/throttler'],
  notes: [
    'CPU time of the process, its garbage collector included, by decisions. Keys are visited out of order, so that at a million keys reading the key itself misses the cache.',
    'Bytes per key are those on the heap and in typed arrays, without the key that the caller holds; exact only with `NODE_OPTIONS=--expose-gc`.',
    'The longest decision is that of the first visit to each key, when tables grow; it includes whatever else the machine did.',
  ],
  run,
};

const hello: BenchRequest = { method: 'GET', path: '/bench/hello' };
const clients = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    ...hello,
    headers: { 'x-forwarded-for': `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}` },
  }));

const MANY = 10_000;

function server(adapter: string, guard: string, load: 'one client' | 'many clients' | 'a flood'): BenchServer {
  const isFlood = load === 'a flood';
  return {
    name: `${guard} on ${adapter}, ${load}`,
    entry: new URL('../servers/throttled.js', import.meta.url),
    env: { HTTP_ADAPTER: adapter, GUARD: guard, LIMIT: isFlood ? '1' : String(LIMIT), ...redis(guard) },
    requests: clients(load === 'many clients' ? MANY : 1),
    expect: isFlood ? { status: 429 } : { status: 200, body: { hello: 'world' } },
  };
}

function redis(guard: string): Record<string, string> {
  const url = process.env.BENCH_REDIS_URL ?? '';
  return guard === 'nest-bulwark on Redis' ? { REDIS_URL: url } : {};
}

const GUARDS = ['unthrottled', 'nest-bulwark', 'stock'];

export const throttler: HttpScenario = {
  kind: 'http',
  name: 'throttler',
  description: `\`GET /bench/hello\` without a limiter, with ours and with \`@nestjs/throttler\`: one client, ${MANY} clients, and one that is refused.`,
  baseline: 'unthrottled on fastify, many clients',
  servers: ['express', 'fastify'].flatMap((adapter) => [
    ...GUARDS.flatMap((guard) => [server(adapter, guard, 'one client'), server(adapter, guard, 'many clients')]),
    server(adapter, 'nest-bulwark', 'a flood'),
    server(adapter, 'stock', 'a flood'),
    ...(process.env.BENCH_REDIS_URL ? [server(adapter, 'nest-bulwark on Redis', 'many clients')] : []),
  ]),
  packages: ['@nestjs/core', '@nestjs/throttler', 'express', 'fastify', 'autocannon'],
  notes: [
    'Ours sends five header fields, the stock guard three; both count the client address.',
    'With one client, the stock store walks all hits of its window at each request, so that its figure depends on the length of the run.',
    'With `BENCH_REDIS_URL` set, ours is also measured on that Redis; its own CPU time is not in the table.',
  ],
};
