import { createHash, randomBytes } from 'node:crypto';

const CODE_COUNT = 10;
/** Base 32 of Crockford, which has no letters that look like digits. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CODE_LENGTH = 24;

/** Generates ten codes of 120 random bits. From 112 bits on, a fast hash is sufficient (ASVS 5.0, 6.5.2). */
export function generateRecoveryCodes(): string[] {
  return Array.from({ length: CODE_COUNT }, () => {
    const letters = Array.from(randomBytes(CODE_LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]).join('');
    return letters.replaceAll(/.{6}(?!$)/g, '$&-');
  });
}

/** Hashes a code as a user types it: in upper or lower case, with or without dashes, O for 0, and I or L for 1. */
export function hashRecoveryCode(code: string): Buffer {
  const normalized = code.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
  return createHash('sha256').update(normalized).digest();
}
