import { readFileSync } from 'node:fs';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  hkdfSync,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import type { AuthSettings } from '../auth.options.js';
import { verificationKey, type JwsAlgorithm, type VerificationKey } from './jws.js';

/**
 * The keys of access tokens, imported once. Handed over as text, jsonwebtoken would try to read a secret as a public key
 * at every verification, which costs several times what the verification itself does.
 */
export interface SigningKey {
  readonly algorithm: JwsAlgorithm;
  /** Name of the key that signs; a secret may have none. */
  readonly kid?: string;
  readonly sign: KeyObject;
  /** The other keys of the ring that can sign. What was derived from one of them is verified by it. */
  readonly earlier: readonly KeyObject[];
  /** The key that a token names; undefined for one that is none of ours. */
  verifierOf(kid: unknown): VerificationKey | undefined;
  /** Public keys by which others verify (RFC 7517); secrets are not among them. */
  readonly publicKeys: readonly PublicJwk[];
}

/** A public key of a JWK Set. @publicApi */
export interface PublicJwk {
  readonly kty: 'EC' | 'OKP';
  readonly crv: 'P-256' | 'Ed25519';
  readonly x: string;
  /** Of keys on P-256. */
  readonly y?: string;
  readonly kid: string;
  readonly alg: 'ES256' | 'EdDSA';
  readonly use: 'sig';
}

export const SIGNING_KEY = Symbol('bulwark.signingKey');

/** RFC 7518, section 3.2: a key of HS256 is as long as its hash. */
const MIN_SECRET_BYTES = 32;

/** @throws Error when the settings name no key, or more than one source of keys, or one that cannot be used */
export function signingKey({ secret, privateKey, keysFile }: AuthSettings): SigningKey {
  if ([secret, privateKey, keysFile].filter((one) => one !== undefined).length !== 1) {
    throw new Error('AuthModule needs one of the options "secret", "privateKey" and "keysFile"');
  }
  if (keysFile !== undefined) return keyRing(readKeys(keysFile));
  if (privateKey !== undefined) return keyRing([asymmetricKey(createPrivateKey(privateKey))]);
  return keyRing([secretKey(Buffer.from(secret ?? ''))]);
}

/** A key for another purpose, the same on every replica, from which nothing leads back to the signing key. */
export function derivedKey({ sign }: Pick<SigningKey, 'sign'>, purpose: string): KeyObject {
  const material = sign.type === 'secret' ? sign.export() : sign.export({ type: 'pkcs8', format: 'der' });
  return createSecretKey(Buffer.from(hkdfSync('sha256', material, '', purpose, 32)));
}

/** One key of the ring. `sign` is missing where only the public part is known. */
interface RingKey {
  readonly kid?: string;
  readonly sign?: KeyObject;
  readonly verify: VerificationKey;
  readonly publicKey?: PublicJwk;
}

/** The first key that can sign does so, every key verifies. */
function keyRing(keys: readonly RingKey[]): SigningKey {
  const names = keys.map(({ kid }) => kid);
  if (new Set(names).size < keys.length) {
    throw new Error('Two of the signing keys have one "kid", or none; give each a name of its own');
  }
  const current = keys.find(({ sign }) => sign !== undefined);
  if (!current?.sign)
    throw new Error('None of the signing keys is private ("d" or "k"), so that no token can be signed');
  const byName = new Map(keys.map(({ kid, verify }) => [kid, verify]));
  // A token without a name is meant for the key without one, or else for the only key.
  const nameless = byName.get(undefined) ?? (keys.length === 1 ? current.verify : undefined);
  return {
    algorithm: current.verify.algorithm,
    ...(current.kid !== undefined && { kid: current.kid }),
    sign: current.sign,
    earlier: keys.flatMap(({ sign }) => (sign === undefined || sign === current.sign ? [] : [sign])),
    verifierOf: (kid) => (kid === undefined ? nameless : byName.get(kid as string)),
    publicKeys: keys.map(({ publicKey }) => publicKey).filter((key) => key !== undefined),
  };
}

function secretKey(bytes: Buffer, kid?: string): RingKey {
  const key = createSecretKey(bytes);
  return { ...(kid !== undefined && { kid }), sign: key, verify: verificationKey('HS256', key) };
}

function asymmetricKey(key: KeyObject, name?: string): RingKey {
  const verify = key.type === 'private' ? createPublicKey(key) : key;
  const publicKey = publicJwk(verify, name);
  return {
    kid: publicKey.kid,
    ...(key.type === 'private' && { sign: key }),
    verify: verificationKey(publicKey.alg, verify),
    publicKey,
  };
}

function readKeys(path: string): RingKey[] {
  let set: { keys?: unknown };
  try {
    set = JSON.parse(readFileSync(path, 'utf8')) as { keys?: unknown };
  } catch (cause) {
    throw new Error(`The signing keys in ${path} cannot be read. It must be a JWK Set, {"keys": […]}`, { cause });
  }
  if (!Array.isArray(set.keys) || set.keys.length === 0) throw new Error(`${path} holds no keys, {"keys": […]}`);
  return set.keys.map((jwk: JsonWebKey & { kid?: unknown }, i) => {
    try {
      return ringKey(jwk, typeof jwk.kid === 'string' ? jwk.kid : undefined);
    } catch {
      // The cause could quote the key.
      throw new Error(
        `Key ${i + 1} in ${path} is no JWK on the curve P-256 or Ed25519, nor a secret of ${MIN_SECRET_BYTES} bytes`,
      );
    }
  });
}

function ringKey(jwk: JsonWebKey, kid: string | undefined): RingKey {
  if (jwk.kty === 'oct') {
    const bytes = Buffer.from(jwk.k ?? '', 'base64url');
    if (bytes.length < MIN_SECRET_BYTES) throw new Error('too short');
    return secretKey(bytes, kid);
  }
  const source = { key: jwk, format: 'jwk' } as const;
  return asymmetricKey(jwk.d === undefined ? createPublicKey(source) : createPrivateKey(source), kid);
}

function publicJwk(key: KeyObject, name?: string): PublicJwk {
  const { kty, crv, x, y } = key.export({ format: 'jwk' });
  if (kty === 'EC' && crv === 'P-256' && x !== undefined && y !== undefined) {
    return { kty, crv, x, y, kid: name ?? thumbprint({ crv, kty, x, y }), alg: 'ES256', use: 'sig' };
  }
  if (kty === 'OKP' && crv === 'Ed25519' && x !== undefined) {
    return { kty, crv, x, kid: name ?? thumbprint({ crv, kty, x }), alg: 'EdDSA', use: 'sig' };
  }
  throw new Error('Signing keys must be on the curve P-256 (ES256) or Ed25519 (EdDSA)');
}

/** Name of a key that follows from the key itself (RFC 7638); the members stand in the order of the alphabet. */
function thumbprint(members: Record<string, string>): string {
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url');
}
