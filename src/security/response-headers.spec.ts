import { expect, it } from 'vitest';
import { DOCS_PAGE_POLICY, responseHeaders } from './response-headers.js';

const headersOf = (...options: Parameters<typeof responseHeaders>) =>
  Object.fromEntries(responseHeaders(...options).map(([name, value]) => [name.toLowerCase(), value]));

it('allows a browser nothing with what an API answers', () => {
  expect(headersOf()).toMatchObject({
    'content-security-policy': "default-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'none'",
    'strict-transport-security': 'max-age=63072000; includeSubDomains',
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

it('lets the documentation page load its own files, and run nothing that stands in it', () => {
  const policy = headersOf(DOCS_PAGE_POLICY)['content-security-policy'];
  expect(policy).toContain("script-src 'self';");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain('unsafe-eval');
});

it('has every value at hand: the list is made once and holds texts', () => {
  for (const [name, value] of responseHeaders()) {
    expect(name).toMatch(/^[A-Za-z-]+$/);
    expect(value).toMatch(/^[\x20-\x7e]+$/);
  }
});

it('takes other options', () => {
  expect(headersOf({ strictTransportSecurity: false })).not.toHaveProperty('strict-transport-security');
});
