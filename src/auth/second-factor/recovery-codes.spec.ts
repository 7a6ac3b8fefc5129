import { expect, it } from 'vitest';
import { newRecoveryCodes, recoveryCodeHash } from './recovery-codes.js';

it('recovery codes are ten, all different, in groups that people can type', () => {
  const codes = newRecoveryCodes();
  expect(new Set(codes).size).toBe(10);
  for (const code of codes) expect(code).toMatch(/^(?:[0-9A-HJKMNP-TV-Z]{6}-){3}[0-9A-HJKMNP-TV-Z]{6}$/);
});

it('a recovery code may be typed in small letters, with blanks, and with letters that look like digits', () => {
  const hash = recoveryCodeHash('0A1B2C-3D4E5F-678901-GHJKMN');
  expect(recoveryCodeHash(' oaib2c 3d4e5f6789o1 ghjkmn ')).toEqual(hash);
  expect(recoveryCodeHash('0A1B2C-3D4E5F-678901-GHJKMP')).not.toEqual(hash);
});
