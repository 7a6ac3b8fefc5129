import { describe, expect, it } from 'vitest';
import { trustProxyOption } from './trust-proxy.js';

function trusts(setting: number | readonly string[], address: string | undefined, hop = 0): boolean {
  const trust = trustProxyOption(setting);
  return trust !== false && trust(address, hop);
}

describe('trust in proxies', () => {
  it('is none where it is switched off', () => expect(trustProxyOption(false)).toBe(false));

  it('counts hops, whoever they are', () => {
    expect([0, 1, 2].map((hop) => trusts(2, '203.0.113.9', hop))).toEqual([true, true, false]);
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
    // Proxies that write the port of the one before them.
    ['loopback', '127.0.0.1:8080'],
    ['uniquelocal', '[fd00::1]:8080'],
  ])('of %s holds for %s', (entry, address) => expect(trusts(['192.0.2.1', entry], address)).toBe(true));

  it.each([
    ['loopback', '128.0.0.1'],
    ['uniquelocal', '172.32.0.1'],
    ['linklocal', '169.253.0.1'],
    // Spellings that only some parsers take for an address.
    ['loopback', '127.1'],
    ['loopback', '0x7f.0.0.1'],
    ['loopback', '127.0.0.1:'],
    ['loopback', ''],
    ['loopback', undefined],
    ['10.0.0.0/8', '::ffff:11.0.0.1'],
  ])('of %s does not hold for %s', (entry, address) => expect(trusts([entry], address)).toBe(false));

  it('refuses what is no address', () => expect(() => trustProxyOption(['everybody'])).toThrow(RangeError));
});
