import { describe, expect, it } from 'vitest';
import { AddressList } from './address-list.js';

describe('a list of addresses', () => {
  const list = new AddressList(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1']);

  it.each([
    '10.0.0.0',
    '10.255.255.255',
    '192.0.2.7',
    '2001:db8:1::9',
    '::1',
    '::ffff:10.1.2.3',
    '2001:0DB8::1',
    '10.0.0.1:443',
  ])('contains %s', (address) => {
    expect(list.has(address)).toBe(true);
    expect(list.has(address)).toBe(true);
  });

  it.each(['11.0.0.0', '192.0.2.8', '2001:db9::', '::2', '::ffff:11.0.0.1', 'unknown', '', '10.0.0.1, 1.2.3.4'])(
    'does not contain %j',
    (address) => expect(list.has(address)).toBe(false),
  );

  it.each([
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0',
    'example.com',
    '::/129',
    'fe80::1%eth0',
    '/8',
    '1.2.3.4/-1',
  ])('rejects the entry %s', (entry) => expect(() => new AddressList([entry])).toThrow(RangeError));
});
