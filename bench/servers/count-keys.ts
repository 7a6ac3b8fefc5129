// Counts many keys in one store of this process, and prints the cost.
// Usage: node --expose-gc count-keys.js <store> <keys> <seconds>
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { ThrottlerStorageService } from '@nestjs/throttler';

export interface Counted {
  nanoseconds: number;
  bytesPerKey: number;
  longestMs: number;
  longestCollectionMs: number;
}

const WINDOW_MS = 60_000;
/** This limit is never reached, because the benchmark measures counting. */
const LIMIT = 1_000_000_000;
/** Hits of one busy client in its window. The stock store reads all of them at each request. */
const HITS_BEFORE = 1_000;
/** Number of keys that are created at once. */
const KEYS_PER_BATCH = 1_000_000;

type Decide = (key: string) => unknown;
/** The default of the module. */
const MAX_KEYS = 1_000_000;

async function decideWith(store: string): Promise<Decide> {
  if (store !== 'nest-bulwark') {
    const stock = new ThrottlerStorageService();
    return (key) => stock.increment(key, WINDOW_MS, LIMIT, WINDOW_MS, 'default');
  }
  // Loaded by URL, because the library does not export them.
  const load = (file: string) => import(new URL(`../../../dist/throttler/${file}`, import.meta.url).href);
  const { MemoryStore } = await load('memory.store.js');
  const { Policy } = await load('policy.js');
  const [counters, policy] = [new MemoryStore({ maxKeys: MAX_KEYS }), new Policy('default', 0, 'address', '')];
  return (key) => counters.consume([{ policy, key, cost: 1, limit: LIMIT, windowMs: WINDOW_MS, blockMs: 0 }]);
}

const addressOf = (i: number) => `${10 + (i >> 24)}.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;

/** Used memory after a garbage collection, including typed arrays. */
function memory(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** CPU time of this process. Other processes on the machine affect it less than the wall time. */
function cpuNanoseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1_000;
}

const [store = '', count = '', seconds = ''] = process.argv.slice(2);
const collections: { startTime: number; duration: number }[] = [];
new PerformanceObserver((list) => collections.push(...list.getEntries())).observe({ entryTypes: ['gc'] });

const isAsync = store !== 'nest-bulwark';
// Ten million keys would use most of the memory. So one million is created at a time, between the decisions.
const batches = Math.ceil(Number(count) / KEYS_PER_BATCH);
const keysOf = (batch: number) =>
  Array.from({ length: Math.min(KEYS_PER_BATCH, Number(count)) }, (_, i) => addressOf(batch * KEYS_PER_BATCH + i));

// Another store of the same kind warms up the code, so that the compilation is not measured.
const warmUp = await decideWith(store);
for (let i = 0; i < 20_000; i++) await warmUp(addressOf(i % 200));

let keys = keysOf(0);
await sleep(10);
const before = memory();
await sleep(10);
collections.length = 0;
const decide = await decideWith(store);
const slow: { at: number; ms: number }[] = [];
const firstVisits = async () => {
  for (const key of keys) {
    const at = performance.now();
    if (isAsync) await decide(key);
    else decide(key);
    const ms = performance.now() - at;
    if (ms > 0.1) slow.push({ at, ms });
  }
};
await firstVisits();
const bytesPerKey = (memory() - before) / keys.length;
await sleep(10);
// memory() caused the last garbage collection, not the store.
collections.pop();
for (let batch = 1; batch < batches; batch++) {
  keys = keysOf(batch);
  await sleep(10);
  await firstVisits();
}
await sleep(10);
const longestCollectionMs = Math.max(0, ...collections.map(({ duration }) => duration));
const isCollected = ({ at, ms }: { at: number; ms: number }) =>
  collections.some(({ startTime, duration }) => startTime < at + ms && startTime + duration > at);
const longestMs = Math.max(0, ...slow.filter((one) => !isCollected(one)).map(({ ms }) => ms));

for (let i = 0; i < HITS_BEFORE; i++) await decide(keys[0]);
const [began, end] = [cpuNanoseconds(), performance.now() + Number(seconds) * 1_000];
let decisions = 0;
// Small batches: one decision of the stock store can take milliseconds.
for (let at = 0; performance.now() < end; decisions += 10) {
  for (let i = 0; i < 10; i++) {
    if (isAsync) await decide(keys[at]);
    else decide(keys[at]);
    at = at + 1 < keys.length ? at + 1 : 0;
  }
}
const nanoseconds = (cpuNanoseconds() - began) / decisions;
process.stdout.write(JSON.stringify({ nanoseconds, bytesPerKey, longestMs, longestCollectionMs } satisfies Counted));
process.exit();
