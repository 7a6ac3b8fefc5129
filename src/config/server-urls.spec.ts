import { describe, expect, it } from 'vitest';
import { problemsOf, refusalOf } from '../../test/support/config.js';
import { parseRedisUrl } from '../redis/index.js';
import { loadConfig } from './load-config.js';

/** The password in the URLs below. */
const PASSWORD = 'h5Kq2wZt';

const REFUSED: [variable: string, url: string, cause: string][] = [
  ['DATABASE_URL', `mysql://u:${PASSWORD}@h/db`, 'does not begin with postgres:// or postgresql://'],
  ['DATABASE_URL', `postgres:/u:${PASSWORD}@h/db`, 'does not begin with postgres://'],
  ['DATABASE_URL', 'db.internal', 'does not begin with postgres://'],
  ['DATABASE_URL', 'postgres://', 'names no host'],
  ['DATABASE_URL', `postgres://u:${PASSWORD}@/db`, 'names no host'],
  ['DATABASE_URL', `postgres://u:${PASSWORD}@:5432/db`, 'names no host'],
  ['DATABASE_URL', `postgres://u:${PASSWORD}@h:99999/db`, 'has a host or a port that cannot be one'],
  ['DATABASE_URL', `postgres://u:${PASSWORD}@h:0/db`, 'has a host or a port that cannot be one'],
  ['DATABASE_URL', `postgres://u:${PASSWORD}@h o/db`, 'has a host or a port that cannot be one'],
  ['DATABASE_URL', `postgres://u:${PASSWORD}@h1,h2/db`, 'names several hosts'],
  ['DATABASE_URL', `postgres://u:1/${PASSWORD}@h/db`, 'has an @ behind its host'],
  ['DATABASE_URL', `postgres://u:1#${PASSWORD}@h/db`, 'has an @ behind its host'],
  ['DATABASE_URL', `postgres://u:1?${PASSWORD}@h/db`, 'has an @ behind its host'],
  ['DATABASE_URL', `postgres://u:${PASSWORD}@x@h/db`, 'has more than one @'],
  ['DATABASE_URL', `postgres://u:${PASSWORD}%@h/db`, 'has a % that encodes nothing'],
  ['REDIS_URL', `http://u:${PASSWORD}@h`, 'does not begin with redis://'],
  ['REDIS_URL', `redis+tls://u:${PASSWORD}@h`, 'does not begin with redis://'],
  ['REDIS_URL', 'redis://', 'names no host'],
  ['REDIS_URL', `redis+cluster://:${PASSWORD}@h1,,h2`, 'names no host'],
  ['REDIS_URL', `redis://:${PASSWORD}@h1,h2`, 'names several hosts; write redis+sentinel:// or redis+cluster://'],
  ['REDIS_URL', `redis://:${PASSWORD}@h:99999`, 'has a host or a port that cannot be one'],
  ['REDIS_URL', `redis+sentinel://:${PASSWORD}@h1,h2:x/master`, 'has a host or a port that cannot be one'],
  ['REDIS_URL', `redis+sentinel://:${PASSWORD}@h1,h2`, 'must have behind its host the name of the master'],
  ['REDIS_URL', `redis+sentinel://:${PASSWORD}@h1,h2/master/x`, 'must have behind its host the name of the master'],
  ['REDIS_URL', `redis+cluster://:${PASSWORD}@h1,h2/1`, 'must have behind its host nothing'],
  ['REDIS_URL', `redis://:${PASSWORD}@h/cache`, 'must have behind its host a database number'],
  ['REDIS_URL', `redis://:${PASSWORD}@h/0?family=6`, 'has a query or a fragment'],
  ['REDIS_URL', `redis://:${PASSWORD}@x@h`, 'has more than one @'],
  ['REDIS_URL', `redis://:1/${PASSWORD}@h`, 'has an @ behind its host'],
  ['REDIS_URL', `redis://:${PASSWORD}%zz@h`, 'has a % that encodes nothing'],
];

describe('the URL of a server', () => {
  it.each(REFUSED)('%s refuses %j and does not print its password', (variable, url, cause) => {
    expect(problemsOf({ [variable]: url })).toEqual(
      [`${variable}: ${cause}`].map((text) => expect.stringContaining(text)),
    );
    expect(refusalOf({ [variable]: url })?.message).not.toContain(PASSWORD);
  });

  it.each([
    'postgres://localhost',
    'postgresql://app:p%40ss@db.internal:5433/app?sslmode=verify-full&sslrootcert=/ca.pem',
    'postgres://app@[::1]:5432/app',
    'postgres:///app?host=/var/run/postgresql',
    'postgres://%2Fvar%2Frun%2Fpostgresql/app',
  ])('DATABASE_URL accepts %s', (url) => {
    expect(loadConfig({ DATABASE_URL: url }).config.database.url).toBe(url);
  });

  it.each([
    'redis://localhost',
    'redis://localhost:6380/',
    'rediss://app:p%2Css@cache.internal:6380/2',
    'redis://[::1]:6379/0',
    'redis+sentinel://:pw@h1,h2:26380/mymaster/1',
    'redis+cluster://h1:7000,h2:7001',
    'rediss+cluster://app:pw@h1',
  ])('REDIS_URL and the Redis client accept %s', (url) => {
    expect(parseRedisUrl(url).hosts[0]?.host).toBeTruthy();
    expect(loadConfig({ REDIS_URL: url }).config.redis.url).toBe(url);
  });
});
