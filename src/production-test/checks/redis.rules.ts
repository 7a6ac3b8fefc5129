import type { RedisClient } from '../../redis/index.js';
import type { Rule } from './rule.js';

/** What Redis says of itself; undefined where it does not let the application ask. */
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

const NONE = 'no Redis is configured';

/** A rule of Redis; where none is used, there is nothing to judge. */
const rule = (definition: Rule<RedisFacts>): Rule<RedisFacts | undefined> => ({
  ...definition,
  holds: (facts) => (facts ? definition.holds(facts) : NONE),
  seen: (facts) => (facts ? definition.seen?.(facts) : undefined),
});

export const REDIS_RULES: readonly Rule<RedisFacts | undefined>[] = [
  rule({
    name: 'redis.round-trip',
    title: 'Redis answers within 20 ms',
    reference: 'OWASP ASVS 5.0 V13.1.3',
    remedy: 'Bring Redis nearer: every request with a shared limit waits for it, 40 ms at most.',
    otherwise: 'warn',
    holds: ({ roundTripMs }) => roundTripMs < 20,
    seen: ({ roundTripMs }) => `${roundTripMs.toFixed(1)} ms`,
  }),
  rule({
    name: 'redis.version',
    title: 'Redis is of version 6.2 or later',
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
    title: 'Redis does not throw counters away when it is full',
    reference: 'Redis: key eviction',
    remedy: 'Set maxmemory-policy to noeviction or a volatile one, and keep caches in a Redis of their own.',
    otherwise: 'warn',
    holds: ({ evictionPolicy }) =>
      evictionPolicy === undefined ? 'Redis does not tell its policy' : !evictionPolicy.startsWith('allkeys-'),
    seen: ({ evictionPolicy }) => evictionPolicy,
  }),
  rule({
    name: 'redis.memory',
    title: 'A tenth of Redis’ memory is free',
    reference: 'Redis: maxmemory',
    remedy: 'Raise maxmemory, or find out which keys take it (redis-cli --bigkeys).',
    holds: ({ usedBytes, maxBytes }) => (maxBytes === 0 ? 'no maxmemory is set' : usedBytes <= 0.9 * maxBytes),
    seen: ({ usedBytes, maxBytes }) => ({ usedBytes, maxBytes }),
  }),
  rule({
    name: 'redis.connections',
    title: 'Redis has refused no connection',
    reference: 'Redis: maxclients',
    remedy: 'Raise maxclients, or find out who opens so many.',
    otherwise: 'warn',
    holds: ({ rejectedConnections }) => rejectedConnections === 0,
    seen: ({ rejectedConnections }) => rejectedConnections,
  }),
  rule({
    name: 'redis.password',
    title: 'A Redis on another machine asks for a password',
    reference: 'OWASP ASVS 5.0 V13.2.1',
    remedy: 'Set requirepass, or users by ACL, and put the password into REDIS_URL.',
    holds: ({ isPasswordSet, isRemote }) => {
      if (!isRemote) return 'Redis is on this machine';
      return isPasswordSet === undefined ? 'Redis does not tell' : isPasswordSet;
    },
  }),
];

export async function redisFacts(redis: RedisClient | undefined): Promise<RedisFacts | undefined> {
  if (!redis) return undefined;
  const asked = performance.now();
  await redis.ping();
  const roundTripMs = performance.now() - asked;
  const info = parsed(await redis.info());
  // Managed servers often refuse CONFIG; then INFO has to do.
  const password = await redis.config('GET', 'requirepass').catch(() => undefined);
  return {
    roundTripMs,
    version: info['redis_version'] ?? '0',
    evictionPolicy: info['maxmemory_policy'],
    usedBytes: Number(info['used_memory']),
    maxBytes: Number(info['maxmemory']),
    rejectedConnections: Number(info['rejected_connections']),
    isPasswordSet: Array.isArray(password) ? password[1] !== '' : undefined,
    isRemote: isElsewhere(redis),
  };
}

const parsed = (info: string) =>
  Object.fromEntries(
    info
      .split('\r\n')
      .filter((line) => line.includes(':'))
      .map((line) => line.split(':', 2)),
  ) as Record<string, string | undefined>;

function isElsewhere({ options }: RedisClient): boolean {
  const { host } = options as { host?: string };
  return host !== undefined && !/^(?:localhost|127\.[\d.]+|::1)$/.test(host);
}
