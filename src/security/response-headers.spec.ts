import { expect, it } from 'vitest';
import { ResponseHeaders } from './response-headers.js';

const getHeaders = (protocol: string, ...options: ConstructorParameters<typeof ResponseHeaders>) =>
  Object.fromEntries(
    new ResponseHeaders(...options).getHeaders({ protocol }).map(([name, value]) => [name.toLowerCase(), value]),
  );

it('sets headers that forbid a browser to use the response as a page', () => {
  expect(getHeaders('https')).toMatchObject({
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
    // The filter of old browsers leaks information. 0 turns it off.
    'x-xss-protection': '0',
  });
});

it('sends HSTS only over HTTPS (RFC 6797, section 7.2)', () => {
  const { 'strict-transport-security': hsts, ...others } = getHeaders('https');
  expect(hsts).toBeDefined();
  expect(getHeaders('http')).toEqual(others);
});

it('adds preload to HSTS only if the option is set', () => {
  expect(getHeaders('https', undefined, { preload: true })['strict-transport-security']).toBe(
    'max-age=63072000; includeSubDomains; preload',
  );
});

it('computes the list once, and every value is a text', () => {
  const headers = new ResponseHeaders();
  expect(headers.getHeaders({ protocol: 'https' })).toBe(headers.getHeaders({ protocol: 'https' }));
  for (const [name, value] of headers.getHeaders({ protocol: 'https' })) {
    expect(name).toMatch(/^[A-Za-z-]+$/);
    expect(value).toMatch(/^[\x20-\x7e]+$/);
  }
});

it('accepts other options of helmet', () => {
  expect(getHeaders('https', { strictTransportSecurity: false })).not.toHaveProperty('strict-transport-security');
});
