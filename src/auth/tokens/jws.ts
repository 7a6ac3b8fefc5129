import { timingSafeEqual, verify, type KeyObject } from 'node:crypto';
import { HmacSha256 } from './hmac-sha256.js';

/** Signature algorithms of access tokens (RFC 7518, RFC 8037). EdDSA is Ed25519. */
export type JwsAlgorithm = 'HS256' | 'ES256' | 'EdDSA';

/** A key and the one algorithm that it is used with, whatever a token says (RFC 8725, section 3.1). */
export interface VerificationKey {
  readonly algorithm: JwsAlgorithm;
  readonly key: KeyObject;
  /**
   * Whether `signature` (base64url) is that of `signed`, the first two parts of a token. Only the one canonical spelling
   * of a signature is accepted, so that a token cannot be written in two ways.
   */
  hasSigned(signed: string, signature: string): boolean;
}

/** Length of a SHA-256 MAC, and of an ES256 or Ed25519 signature, in base64url. */
const MAC_LENGTH = 43;
const SIGNATURE_LENGTH = 86;

/** One pair for all: a comparison is over before the next one begins, and allocating costs more than comparing. */
const expected = Buffer.alloc(MAC_LENGTH);
const given = Buffer.alloc(MAC_LENGTH);

export function verificationKey(algorithm: JwsAlgorithm, key: KeyObject): VerificationKey {
  return { algorithm, key, hasSigned: algorithm === 'HS256' ? bySecret(key) : byPublicKey(algorithm, key) };
}

/** Compared as text, which is decoding less, in a time that does not depend on where the two differ. */
function bySecret(key: KeyObject): VerificationKey['hasSigned'] {
  const mac = new HmacSha256(key);
  return (signed, signature) => {
    if (signature.length !== MAC_LENGTH) return false;
    expected.write(mac.digest(signed), 'latin1');
    given.write(signature, 'latin1');
    return timingSafeEqual(expected, given);
  };
}

function byPublicKey(algorithm: 'ES256' | 'EdDSA', key: KeyObject): VerificationKey['hasSigned'] {
  return (signed, signature) => {
    if (signature.length !== SIGNATURE_LENGTH) return false;
    const bytes = Buffer.from(signature, 'base64url');
    if (bytes.toString('base64url') !== signature) return false;
    return algorithm === 'ES256'
      ? verify('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }, bytes)
      : verify(null, Buffer.from(signed), key, bytes);
  };
}
