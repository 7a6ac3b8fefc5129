import { describe, expect, it } from 'vitest';
import { createTrustProxyOption } from './trust-proxy.js';

function isTrusted(setting: number | readonly string[], address: string | undefined, hop = 0): boolean {
  const trust = createTrustProxyOption(setting);
  return trust !== false && trust(address, hop);
}

describe('trust in proxies', () => {
  it('is off if the setting is false', () => expect(createTrustProxyOption(false)).toBe(false));

  it('counts hops with any address', () => {
    expect([0, 1, 2].map((hop) => isTrusted(2, '203.0.113.9', hop))).toEqual([true, true, false]);
  });

  it.each([
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.0.9'],
    ['loopback', '::1'],
    ['loopback', '::ffff:127.0.0.1'],
    ['linklocal', '169.254.3.4'],
    ['linklocal', 'fe80::1%eth0'],
    ['uniquelocal', '10.1.2.3'],
    ['uniquelocal', '172.31.255.255'],
    ['uniquelocal', '192.168.0.1'],
    ['uniquelocal', 'fd00::1'],
    ['203.0.113.0/24', '203.0.113.9'],
    // Some proxies write the port of the previous hop.
    ['loopback', '127.0.0.1:8080'],
    ['uniquelocal', '[fd00::1]:8080'],
  ])('in %s includes %s', (entry, address) => expect(isTrusted(['192.0.2.1', entry], address)).toBe(true));

  it.each([
    ['loopback', '128.0.0.1'],
    ['uniquelocal', '172.32.0.1'],
    ['linklocal', '169.253.0.1'],
    // Only some parsers accept these spellings as an address.
    ['loopback', '127.1'],
    ['loopback', '0x7f.0.0.1'],
    ['loopback', '127.0.0.1:'],
    ['loopback', ''],
    ['loopback', undefined],
    ['10.0.0.0/8', '::ffff:11.0.0.1'],
  ])('in %s does not include %s', (entry, address) => expect(isTrusted([entry], address)).toBe(false));

  it('rejects an entry that is not an address', () =>
    expect(() => createTrustProxyOption(['everybody'])).toThrow(RangeError));
});
