import { describe, expect, it } from 'vitest';
import { addressKey } from './address-key.js';

describe('the key of an address', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::ffff:cb00:7107', '203.0.113.7'],
    ['0:0:0:0:0:ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:0:0:0:0/64'],
    ['2001:db8:1:2::1', '2001:db8:1:2:0:0:0:0/64'],
    ['2001:DB8:0001:2::ffff', '2001:db8:1:2:0:0:0:0/64'],
    ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:0/64'],
    ['::1', '0:0:0:0:0:0:0:0/64'],
    ['203.0.113.7:5000', '203.0.113.7'],
    ['[2001:db8:1:2::1]:5000', '2001:db8:1:2:0:0:0:0/64'],
    ['no address', 'unknown'],
    ['another text', 'unknown'],
    [undefined, 'unknown'],
  ])('of %s is %s', (address, key) => expect(addressKey(address, 64)).toBe(key));

  it('accepts another prefix length', () => {
    expect(addressKey('2001:db8:1:2ff::1', 56)).toBe('2001:db8:1:200:0:0:0:0/56');
    expect(addressKey('2001:db8::1', 128)).toBe('2001:db8:0:0:0:0:0:1/128');
  });
});
