import type { BenchServer, HttpScenario } from '../harness/scenario.js';

const SHELVES = 20;

const NAMES: Readonly<Record<string, string>> = {
  none: 'no cache',
  stock: 'CacheInterceptor',
  ours: '@Cached()',
  'ours, tagged': '@Cached() with a tag',
  'ours, tagged, on Redis': '@Cached() with a tag, Redis behind',
  'ours, from Redis': '@Cached(), each time from Redis',
};

function server(adapter: string, cache: string): BenchServer {
  const redisUrl = process.env.BENCH_REDIS_URL;
  const isOurs = cache.startsWith('ours');
  return {
    name: `${NAMES[cache]} on ${adapter}`,
    entry: new URL('../servers/cached.js', import.meta.url),
    env: { HTTP_ADAPTER: adapter, CACHE: cache, ...(cache.includes('Redis') && redisUrl && { REDIS_URL: redisUrl }) },
    requests: Array.from({ length: SHELVES }, (_, shelf) => ({ method: 'GET', path: `/bench/things?shelf=${shelf}` })),
    expect: { status: 200, headers: isOurs ? ['cache-status'] : [] },
  };
}

const caches = Object.keys(NAMES).filter((cache) => !cache.includes('Redis') || process.env.BENCH_REDIS_URL);

export const cachedRoutes: HttpScenario = {
  kind: 'http',
  name: 'cached-routes',
  description: `${SHELVES} lists of 20 things (1.5 kB of JSON each) from PostgreSQL: read each time, behind \`CacheInterceptor\` of @nestjs/cache-manager, and behind \`@Cached()\`.`,
  baseline: ({ name }) => `CacheInterceptor on ${name.endsWith('fastify') ? 'fastify' : 'express'}`,
  servers: ['fastify', 'express'].flatMap((adapter) => caches.map((cache) => server(adapter, cache))),
  packages: ['@nestjs/core', '@nestjs/cache-manager', 'cache-manager', 'keyv', 'express', 'fastify', 'pg', 'typeorm'],
  notes: [
    'Ratios are to `CacheInterceptor` on the same adapter. All servers except `no cache` answer from the cache. The CPU time of PostgreSQL and of Redis is not in the table.',
    '`@Cached()` determines who may share a response, sends `Age`, `Cache-Status` and `Cache-Control`, and checks tags. `CacheInterceptor` uses only the URL as the key, for all users, and returns the same object to all.',
    'With `BENCH_REDIS_URL` set, ours is also measured with that Redis behind the memory, and with a memory that stores nothing.',
  ],
};
