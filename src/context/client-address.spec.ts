import { describe, expect, it } from 'vitest';
import { getClientAddress, parseAddress } from './client-address.js';

describe('the address of a client', () => {
  it.each([
    ['203.0.113.9', '203.0.113.9'],
    [' 203.0.113.9 ', '203.0.113.9'],
    ['203.0.113.9:5000', '203.0.113.9'],
    ['203.0.113.9:0', '203.0.113.9'],
    ['2001:db8::1', '2001:db8::1'],
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:5000', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%25eth0]:5000', 'fe80::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['::FFFF:CB00:7109', '203.0.113.9'],
    ['0:0:0:0:0:ffff:203.0.113.9', '203.0.113.9'],
    ['[::ffff:203.0.113.9]:5000', '203.0.113.9'],
    ['[::ffff:203.0.113.9%eth0]:5000', '203.0.113.9'],
    // Without brackets, a port looks like a group of the address.
    ['2001:db8::1:5000', '2001:db8::1:5000'],
  ])('%j is parsed to %s', (text, address) => expect(parseAddress(text)).toBe(address));

  it.each([
    undefined,
    '',
    'unknown',
    '_hidden',
    '_SEVKISEK:4711',
    'localhost',
    'localhost:80',
    '203.0.113',
    '203.0.113.256',
    '203.0.113.09',
    '0x7f.0.0.1',
    '203.0.113.9:',
    '203.0.113.9:port',
    '203.0.113.9:500000',
    '203.0.113.9:80:80',
    '[203.0.113.9]:80',
    '203.0.113.9, 10.0.0.1',
    '"[2001:db8::1]:5000"',
    '[2001:db8::1',
    '2001:db8::1]:80',
    '[2001:db8::1]80',
    '[2001:db8::1]:port',
    '[]',
    '%eth0',
    '2001:db8:::1',
    `fe80::1%${'z'.repeat(200)}`,
  ])('%j holds no address', (text) => expect(parseAddress(text)).toBeUndefined());

  it('is parsed once for each request and stays known while the connection closes', () => {
    const request: { ip?: string } = { ip: '203.0.113.9:5000' };
    expect(getClientAddress(request)).toBe('203.0.113.9');
    delete request.ip;
    expect(getClientAddress(request)).toBe('203.0.113.9');
  });

  it('is undefined for a request without an address', () => {
    expect(getClientAddress({ raw: {} })).toBeUndefined();
  });
});
