import type { BenchRequest, BenchServer, HttpScenario } from '../harness/scenario.js';

/** This limit is never reached, because the scenario measures counting. */
const LIMIT = 1_000_000_000;

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

const GUARDS = ['unthrottled', 'a guard that does nothing', 'nest-bulwark', 'nest-bulwark without headers', 'stock'];

export const throttler: HttpScenario = {
  kind: 'http',
  name: 'throttler',
  description: `\`GET /bench/hello\` without a limiter, with ours and with \`@nestjs/throttler\`: one client, ${MANY} clients, and one client that is refused.`,
  baseline: 'unthrottled on fastify, many clients',
  servers: ['express', 'fastify'].flatMap((adapter) => [
    ...GUARDS.flatMap((guard) => [server(adapter, guard, 'one client'), server(adapter, guard, 'many clients')]),
    server(adapter, 'nest-bulwark', 'a flood'),
    server(adapter, 'stock', 'a flood'),
    ...(process.env.BENCH_REDIS_URL ? [server(adapter, 'nest-bulwark on Redis', 'many clients')] : []),
  ]),
  packages: ['@nestjs/core', '@nestjs/throttler', 'express', 'fastify', 'autocannon'],
  notes: [
    'Ours sends five header fields, the stock guard sends three. Both count by client address.',
    'A guard that does nothing shows the cost of having any guard in Nest. No limiter can be cheaper.',
    'With one client, the stock store reads all hits of the window at each request, so its figure depends on the length of the run.',
    'With `BENCH_REDIS_URL` set, ours is also measured with that Redis. The CPU time of Redis is not in the table.',
  ],
};
