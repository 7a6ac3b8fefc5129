import { describe, expect, it } from 'vitest';
import { parseRedisUrl } from './redis-client.js';

const single = { kind: 'single', tls: false, db: 0 };

describe('a Redis URL', () => {
  it.each([
    ['redis://cache', { ...single, hosts: [{ host: 'cache', port: 6379 }] }],
    ['redis://', { ...single, hosts: [{ host: 'localhost', port: 6379 }] }],
    ['redis://cache:7000/3', { ...single, hosts: [{ host: 'cache', port: 7000 }], db: 3 }],
    ['redis://cache/', { ...single, hosts: [{ host: 'cache', port: 6379 }] }],
    ['redis://[::1]:7000', { ...single, hosts: [{ host: '::1', port: 7000 }] }],
    ['rediss://cache', { ...single, tls: true, hosts: [{ host: 'cache', port: 6379 }] }],
    ['redis://:pw@cache', { ...single, password: 'pw', hosts: [{ host: 'cache', port: 6379 }] }],
    ['redis://pw@cache', { ...single, password: 'pw', hosts: [{ host: 'cache', port: 6379 }] }],
    ['redis://app:pw@cache', { ...single, username: 'app', password: 'pw', hosts: [{ host: 'cache', port: 6379 }] }],
    [
      'redis://a%3Ab:p%40s%2Fs%25@cache',
      { ...single, username: 'a:b', password: 'p@s/s%', hosts: [{ host: 'cache', port: 6379 }] },
    ],
    [
      'redis://app:one:two:three@cache',
      { ...single, username: 'app', password: 'one:two:three', hosts: [{ host: 'cache', port: 6379 }] },
    ],
    [
      'redis+sentinel://app:pw@one,two:5000/main/2',
      {
        kind: 'sentinel',
        tls: false,
        username: 'app',
        password: 'pw',
        hosts: [
          { host: 'one', port: 26379 },
          { host: 'two', port: 5000 },
        ],
        master: 'main',
        db: 2,
      },
    ],
    [
      'rediss+cluster://one,[fe80::2]:7001',
      {
        kind: 'cluster',
        tls: true,
        hosts: [
          { host: 'one', port: 6379 },
          { host: 'fe80::2', port: 7001 },
        ],
        db: 0,
      },
    ],
  ])('%s is understood', (url, address) => expect(parseRedisUrl(url)).toEqual(address));

  it.each([
    ['http://cache', /is not redis:/],
    ['redis+magic://cache', /is not redis:/],
    ['redis://cache?db=1', /is not redis:/],
    ['redis://one,two', /several hosts/],
    ['redis://one,/0', /host/],
    ['redis://cache:0', /host/],
    ['redis://cache:65536', /host/],
    ['redis://cache:port', /host/],
    ['redis://::1', /host/],
    ['redis://cache/zero', /number of a database/],
    ['redis://cache/1/2', /number of a database/],
    ['redis+sentinel://one', /names no master/],
    ['redis+sentinel://one/main/x', /number of a database/],
    ['redis+cluster://one/1', /a cluster has only one/],
    ['redis://app:100%@cache', /percent-encoding/],
  ])('%s is refused with the reason', (url, reason) => expect(() => parseRedisUrl(url)).toThrow(reason));

  it.each(['redis://:hush@hush@cache', 'redis://:hush/hush@cache', 'redis://:hush%@cache', 'redis://:1/hush@cache/0'])(
    'a refusal of %s repeats no piece of the password',
    (url) => {
      expect(() => parseRedisUrl(url)).toThrow(/^REDIS_URL (?!.*hush)/);
    },
  );
});
