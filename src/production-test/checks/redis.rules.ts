import type { RedisClient } from '../../redis/index.js';
import type { Rule } from './rule.js';

/** Facts about the Redis server. A fact is undefined if Redis does not allow the application to read it. */
export interface RedisFacts {
  roundTripMs: number;
  version: string;
  evictionPolicy: string | undefined;
  usedBytes: number;
  maxBytes: number;
  rejectedConnections: number;
  isPasswordSet: boolean | undefined;
  isRemote: boolean;
}

const NO_REDIS = 'no Redis is configured';

/** Creates a rule that is skipped if no Redis is used. */
const rule = (definition: Rule<RedisFacts>): Rule<RedisFacts | undefined> => ({
  ...definition,
  holds: (facts) => (facts ? definition.holds(facts) : NO_REDIS),
  seen: (facts) => (facts ? definition.seen?.(facts) : undefined),
});

export const REDIS_RULES: readonly Rule<RedisFacts | undefined>[] = [
  rule({
    name: 'redis.round-trip',
    title: 'Redis responds within 20 ms',
    reference: 'OWASP ASVS 5.0 V13.1.3',
    remedy: 'Move Redis closer to the application. Every request with a shared limit waits for Redis, at most 40 ms.',
    otherwise: 'warn',
    holds: ({ roundTripMs }) => roundTripMs < 20,
    seen: ({ roundTripMs }) => `${roundTripMs.toFixed(1)} ms`,
  }),
  rule({
    name: 'redis.version',
    title: 'Redis is version 6.2 or later',
    reference: 'OWASP ASVS 5.0 V15.2.1',
    remedy: 'Upgrade Redis.',
    holds: ({ version }) => {
      const [major = 0, minor = 0] = version.split('.').map(Number);
      return major > 6 || (major === 6 && minor >= 2);
    },
    seen: ({ version }) => version,
  }),
  rule({
    name: 'redis.eviction',
    title: 'Redis does not evict counters when it is full',
    reference: 'Redis: key eviction',
    remedy: 'Set maxmemory-policy to noeviction or a volatile policy, and use a separate Redis for caches.',
    otherwise: 'warn',
    holds: ({ evictionPolicy }) =>
      evictionPolicy === undefined ? 'Redis does not report its policy' : !evictionPolicy.startsWith('allkeys-'),
    seen: ({ evictionPolicy }) => evictionPolicy,
  }),
  rule({
    name: 'redis.memory',
    title: 'At least 10 % of the memory of Redis is free',
    reference: 'Redis: maxmemory',
    remedy: 'Raise maxmemory, or find out which keys use the memory (redis-cli --bigkeys).',
    holds: ({ usedBytes, maxBytes }) => (maxBytes === 0 ? 'no maxmemory is set' : usedBytes <= 0.9 * maxBytes),
    seen: ({ usedBytes, maxBytes }) => ({ usedBytes, maxBytes }),
  }),
  rule({
    name: 'redis.connections',
    title: 'Redis has refused no connection',
    reference: 'Redis: maxclients',
    remedy: 'Raise maxclients, or find out which client opens so many connections.',
    otherwise: 'warn',
    holds: ({ rejectedConnections }) => rejectedConnections === 0,
    seen: ({ rejectedConnections }) => rejectedConnections,
  }),
  rule({
    name: 'redis.password',
    title: 'A Redis on another machine requires a password',
    reference: 'OWASP ASVS 5.0 V13.2.1',
    remedy: 'Set requirepass or ACL users, and put the password into `url` of RedisModule.',
    variables: ['REDIS_URL'],
    holds: ({ isPasswordSet, isRemote }) => {
      if (!isRemote) return 'Redis is on this machine';
      return isPasswordSet === undefined ? 'Redis does not report it' : isPasswordSet;
    },
  }),
];

export async function readRedisFacts(redis: RedisClient | undefined): Promise<RedisFacts | undefined> {
  if (!redis) return undefined;
  const asked = performance.now();
  await redis.ping();
  const roundTripMs = performance.now() - asked;
  const info = parseInfo(await redis.info());
  // Managed servers often refuse CONFIG. Then only the facts of INFO are known.
  const password = await redis.config('GET', 'requirepass').catch(() => undefined);
  return {
    roundTripMs,
    version: info['redis_version'] ?? '0',
    evictionPolicy: info['maxmemory_policy'],
    usedBytes: Number(info['used_memory']),
    maxBytes: Number(info['maxmemory']),
    rejectedConnections: Number(info['rejected_connections']),
    isPasswordSet: Array.isArray(password) ? password[1] !== '' : undefined,
    isRemote: isRemoteServer(redis),
  };
}

const parseInfo = (info: string) =>
  Object.fromEntries(
    info
      .split('\r\n')
      .filter((line) => line.includes(':'))
      .map((line) => line.split(':', 2)),
  ) as Record<string, string | undefined>;

function isRemoteServer({ options }: RedisClient): boolean {
  const { host } = options as { host?: string };
  return host !== undefined && !/^(?:localhost|127\.[\d.]+|::1)$/.test(host);
}
