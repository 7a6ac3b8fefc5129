import { expect, it } from 'vitest';
import { ResponseHeaders } from './response-headers.js';

const headersOf = (protocol: string, ...options: ConstructorParameters<typeof ResponseHeaders>) =>
  Object.fromEntries(
    new ResponseHeaders(...options).of({ protocol }).map(([name, value]) => [name.toLowerCase(), value]),
  );

it('allows a browser nothing with what an API answers', () => {
  expect(headersOf('https')).toMatchObject({
    'content-security-policy': "default-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'none'",
    'strict-transport-security': 'max-age=63072000; includeSubDomains',
    'permissions-policy': expect.stringContaining('camera=(), '),
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'x-dns-prefetch-control': 'off',
    'x-permitted-cross-domain-policies': 'none',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    // Its filter was an oracle; 0 turns it off in browsers that still have it.
    'x-xss-protection': '0',
  });
});

it('asks for HTTPS only where there is HTTPS (RFC 6797, section 7.2)', () => {
  const { 'strict-transport-security': hsts, ...others } = headersOf('https');
  expect(hsts).toBeDefined();
  expect(headersOf('http')).toEqual(others);
});

it('asks to be preloaded only when that is wanted', () => {
  expect(headersOf('https', undefined, { preload: true })['strict-transport-security']).toBe(
    'max-age=63072000; includeSubDomains; preload',
  );
});

it('has every value at hand: the list is made once and holds texts', () => {
  const headers = new ResponseHeaders();
  expect(headers.of({ protocol: 'https' })).toBe(headers.of({ protocol: 'https' }));
  for (const [name, value] of headers.of({ protocol: 'https' })) {
    expect(name).toMatch(/^[A-Za-z-]+$/);
    expect(value).toMatch(/^[\x20-\x7e]+$/);
  }
});

it('takes other options', () => {
  expect(headersOf('https', { strictTransportSecurity: false })).not.toHaveProperty('strict-transport-security');
});
