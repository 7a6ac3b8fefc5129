import { createHash, randomBytes } from 'node:crypto';

const CODES = 10;
/** Crockford's: no letters that are taken for digits. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LENGTH = 24;

/** Ten codes of 120 random bits: more than the 112 from which on a plain hash serves (ASVS 5.0, 6.5.2). */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: CODES }, () => {
    const letters = Array.from(randomBytes(LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]).join('');
    return letters.replaceAll(/.{6}(?!$)/g, '$&-');
  });
}

/** Of a code as people type it: in any letter case, with or without its dashes. */
export function recoveryCodeHash(code: string): Buffer {
  const plain = code.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
  return createHash('sha256').update(plain).digest();
}
