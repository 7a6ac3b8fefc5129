// One of several replicas. On a message it sends all its requests at once, and reports how many were allowed.
import { Redis } from 'ioredis';
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';

const from = (file) => import(pathToFileURL(resolve('dist/throttler', file)).href);
const { RedisStore } = await from('redis.store.js');
const { FallbackStore } = await from('fallback.store.js');
const { MemoryStore } = await from('memory.store.js');
const { Policy } = await from('policy.js');

const [url, keyPrefix, requests, limit] = process.argv.slice(2);
const timeoutMs = 20_000;
const redis = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0, lazyConnect: true });
await redis.connect();
let failures = 0;
const store = new FallbackStore(
  new RedisStore(redis, { keyPrefix, timeoutMs, blockCacheMs: 5_000 }),
  new MemoryStore({ maxKeys: 1_000 }),
  {
    timeoutMs,
    failures: 3,
    probeIntervalMs: 1_000,
    replicas: 4,
    onFailure: () => failures++,
    onChange: () => undefined,
  },
);
const policy = new Policy('default', 0, 'address', '');
const hit = { policy, key: 'client', cost: 1, limit: Number(limit), windowMs: 600_000, blockMs: 0 };

process.once('message', async () => {
  const decisions = await Promise.all(Array.from({ length: Number(requests) }, () => store.consume([hit])));
  process.send({ admitted: decisions.filter(({ allowed }) => allowed).length, failures });
  redis.disconnect();
  process.disconnect();
});
process.send('ready');
