import { createHmac, createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HmacSha256 } from './hmac-sha256.js';

it('HmacSha256 equals createHmac() for keys and texts of any length', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.tuple(fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }), fc.nat(3_000)).map(([t, n]) => t.repeat(n)),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.array(text, { maxLength: 4 }), (bytes, texts) => {
      const key = createSecretKey(bytes);
      const mac = new HmacSha256(key);
      for (const one of texts) {
        expect(mac.digest(one)).toBe(createHmac('sha256', key).update(one).digest('base64url'));
      }
    }),
    { numRuns: 500 },
  );
});
