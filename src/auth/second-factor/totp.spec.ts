import { Secret, TOTP, URI } from 'otpauth';
import { describe, expect, it } from 'vitest';
import { encodeBase32, generateCode, findMatchingStep, generateSecret, createOtpauthUri, getTimeStep } from './totp.js';

const RFC_SECRET = Buffer.from('12345678901234567890');

describe('a TOTP code', () => {
  it.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ])('for second %i equals the test vector of RFC 6238, appendix B', (second, code) => {
    expect(generateCode(RFC_SECRET, getTimeStep(second * 1000))).toBe(code);
  });

  it('equals the code that an authenticator app generates from the URI', () => {
    for (let i = 0; i < 50; i++) {
      const secret = generateSecret();
      const app = URI.parse(createOtpauthUri('nest-bulwark', 'a+b@example.com', secret)) as TOTP;
      expect([app.issuer, app.label, app.secret.base32]).toEqual([
        'nest-bulwark',
        'a+b@example.com',
        encodeBase32(secret),
      ]);
      const timestamp = 1_700_000_000_000 + i * 31_000;
      expect(generateCode(secret, getTimeStep(timestamp))).toBe(app.generate({ timestamp }));
    }
  });

  it('is accepted one step early and one step late, but not two', () => {
    const now = 1_700_000_000_000;
    const step = getTimeStep(now);
    const found = [-2, -1, 0, 1, 2].map((delta) =>
      findMatchingStep(RFC_SECRET, generateCode(RFC_SECRET, step + delta), now),
    );
    expect(found).toEqual([undefined, step - 1, step, step + 1, undefined]);
  });

  it.each(['', '12345', '1234567', '12345a', '١٢٣٤٥٦'])('is not accepted as %j', (code) => {
    expect(findMatchingStep(RFC_SECRET, code, 0)).toBeUndefined();
  });
});

it.each(['', 'f', 'fo', 'foo', 'foob', 'fooba', 'foobar'])('encodes %j in base 32 like the package otpauth', (text) => {
  expect(encodeBase32(Buffer.from(text))).toBe(new Secret({ buffer: new TextEncoder().encode(text).buffer }).base32);
});
