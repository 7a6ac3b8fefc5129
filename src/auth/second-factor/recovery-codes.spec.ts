import { expect, it } from 'vitest';
import { generateRecoveryCodes, hashRecoveryCode } from './recovery-codes.js';

it('ten different recovery codes are generated, in groups that are easy to type', () => {
  const codes = generateRecoveryCodes();
  expect(new Set(codes).size).toBe(10);
  for (const code of codes) expect(code).toMatch(/^(?:[0-9A-HJKMNP-TV-Z]{6}-){3}[0-9A-HJKMNP-TV-Z]{6}$/);
});

it('a recovery code may be typed in lower case, with spaces, and with letters that look like digits', () => {
  const hash = hashRecoveryCode('0A1B2C-3D4E5F-678901-GHJKMN');
  expect(hashRecoveryCode(' oaib2c 3d4e5f6789o1 ghjkmn ')).toEqual(hash);
  expect(hashRecoveryCode('0A1B2C-3D4E5F-678901-GHJKMP')).not.toEqual(hash);
});
