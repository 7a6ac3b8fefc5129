import { timingSafeEqual, verify, type KeyObject } from 'node:crypto';
import { HmacSha256 } from './hmac-sha256.js';

/** Signature algorithms of access tokens (RFC 7518, RFC 8037). EdDSA is Ed25519. */
export type JwsAlgorithm = 'HS256' | 'ES256' | 'EdDSA';

/** A key and its only algorithm. The header of a token cannot change the algorithm (RFC 8725, section 3.1). */
export interface VerificationKey {
  readonly algorithm: JwsAlgorithm;
  readonly key: KeyObject;
  /**
   * Whether `signature` (base64url) is the signature of `signedText`, the first two parts of a token. Only the canonical
   * base64url encoding is accepted, so each token has only one form.
   */
  isValidSignature(signedText: string, signature: string): boolean;
}

/** Length of a SHA-256 MAC, and of an ES256 or Ed25519 signature, in base64url. */
const MAC_LENGTH = 43;
const SIGNATURE_LENGTH = 86;

/** Shared by all comparisons, which are synchronous. An allocation would cost more than a comparison. */
const expected = Buffer.alloc(MAC_LENGTH);
const given = Buffer.alloc(MAC_LENGTH);

export function createVerificationKey(algorithm: JwsAlgorithm, key: KeyObject): VerificationKey {
  return {
    algorithm,
    key,
    isValidSignature: algorithm === 'HS256' ? createHmacCheck(key) : createPublicKeyCheck(algorithm, key),
  };
}

/** Compares the encoded texts in constant time, so the signature need not be decoded. */
function createHmacCheck(key: KeyObject): VerificationKey['isValidSignature'] {
  const mac = new HmacSha256(key);
  return (signed, signature) => {
    if (signature.length !== MAC_LENGTH) return false;
    expected.write(mac.digest(signed), 'latin1');
    given.write(signature, 'latin1');
    return timingSafeEqual(expected, given);
  };
}

function createPublicKeyCheck(algorithm: 'ES256' | 'EdDSA', key: KeyObject): VerificationKey['isValidSignature'] {
  return (signed, signature) => {
    if (signature.length !== SIGNATURE_LENGTH) return false;
    const bytes = Buffer.from(signature, 'base64url');
    if (bytes.toString('base64url') !== signature) return false;
    return algorithm === 'ES256'
      ? verify('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }, bytes)
      : verify(null, Buffer.from(signed), key, bytes);
  };
}
