import { createHmac, timingSafeEqual, verify, type KeyObject } from 'node:crypto';

/** Signature algorithms of access tokens (RFC 7518, RFC 8037). EdDSA is Ed25519. */
export type JwsAlgorithm = 'HS256' | 'ES256' | 'EdDSA';

/** A key and the one algorithm that it is used with, whatever a token says (RFC 8725, section 3.1). */
export interface VerificationKey {
  readonly algorithm: JwsAlgorithm;
  readonly key: KeyObject;
}

/** Length of a SHA-256 MAC, and of an ES256 or Ed25519 signature, in base64url. */
const MAC_LENGTH = 43;
const SIGNATURE_LENGTH = 86;

/** One pair for all: a comparison is over before the next one begins, and allocating costs more than comparing. */
const expected = Buffer.alloc(MAC_LENGTH);
const given = Buffer.alloc(MAC_LENGTH);

/**
 * Whether `signature` (base64url) is that of `signed`, the first two parts of a token. Only the one canonical spelling
 * of a signature is accepted, so that a token cannot be written in two ways.
 */
export function isSignedBy({ algorithm, key }: VerificationKey, signed: string, signature: string): boolean {
  if (algorithm === 'HS256') return hasMac(key, signed, signature);
  if (signature.length !== SIGNATURE_LENGTH) return false;
  const bytes = Buffer.from(signature, 'base64url');
  if (bytes.toString('base64url') !== signature) return false;
  const data = Buffer.from(signed);
  return algorithm === 'ES256'
    ? verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, bytes)
    : verify(null, data, key, bytes);
}

/** Compared as text, which is decoding less, in a time that does not depend on where the two differ. */
function hasMac(key: KeyObject, signed: string, signature: string): boolean {
  if (signature.length !== MAC_LENGTH) return false;
  expected.write(createHmac('sha256', key).update(signed).digest('base64url'), 'latin1');
  given.write(signature, 'latin1');
  return timingSafeEqual(expected, given);
}
