import { Secret, TOTP, URI } from 'otpauth';
import { describe, expect, it } from 'vitest';
import { base32, codeOf, matchingStep, newSecret, otpauthUri, stepAt } from './totp.js';

const RFC_SECRET = Buffer.from('12345678901234567890');

describe('a code by time', () => {
  it.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ])('of second %i is that of RFC 6238, appendix B', (second, code) => {
    expect(codeOf(RFC_SECRET, stepAt(second * 1000))).toBe(code);
  });

  it('is what an authenticator app makes of the URI', () => {
    for (let i = 0; i < 50; i++) {
      const secret = newSecret();
      const app = URI.parse(otpauthUri('nest-bulwark', 'a+b@example.com', secret)) as TOTP;
      expect([app.issuer, app.label, app.secret.base32]).toEqual(['nest-bulwark', 'a+b@example.com', base32(secret)]);
      const timestamp = 1_700_000_000_000 + i * 31_000;
      expect(codeOf(secret, stepAt(timestamp))).toBe(app.generate({ timestamp }));
    }
  });

  it('counts one step early and one late, for clocks that are off, and no further', () => {
    const now = 1_700_000_000_000;
    const step = stepAt(now);
    const found = [-2, -1, 0, 1, 2].map((delta) => matchingStep(RFC_SECRET, codeOf(RFC_SECRET, step + delta), now));
    expect(found).toEqual([undefined, step - 1, step, step + 1, undefined]);
  });

  it.each(['', '12345', '1234567', '12345a', '١٢٣٤٥٦'])('is not %j', (code) => {
    expect(matchingStep(RFC_SECRET, code, 0)).toBeUndefined();
  });
});

it.each(['', 'f', 'fo', 'foo', 'foob', 'fooba', 'foobar'])('writes %j in base 32 as others do', (text) => {
  expect(base32(Buffer.from(text))).toBe(new Secret({ buffer: new TextEncoder().encode(text).buffer }).base32);
});
