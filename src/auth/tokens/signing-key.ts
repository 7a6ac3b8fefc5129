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
import { createVerificationKey, type JwsAlgorithm, type VerificationKey } from './jws.js';

/**
 * The keys of access tokens, imported once at start. If jsonwebtoken gets a secret as text, it first tries to parse it as a
 * public key at each verification, which costs several times as much as the verification.
 */
export interface SigningKey {
  readonly algorithm: JwsAlgorithm;
  /** Id of the key that signs. A secret may have none. */
  readonly kid?: string;
  readonly secretOrPrivateKey: KeyObject;
  /** The other private keys and secrets. They verify values that were created with keys derived from them. */
  readonly previousKeys: readonly KeyObject[];
  /** Returns the key for the `kid` of a token, or undefined if it is unknown. */
  findVerificationKey(kid: unknown): VerificationKey | undefined;
  /** Public keys for other services (RFC 7517). Secrets are not included. */
  readonly publicKeys: readonly PublicJwk[];
}

/** A public key of a JWK Set. @publicApi */
export interface PublicJwk {
  readonly kty: 'EC' | 'OKP';
  readonly crv: 'P-256' | 'Ed25519';
  readonly x: string;
  /** Only for keys on P-256. */
  readonly y?: string;
  readonly kid: string;
  readonly alg: 'ES256' | 'EdDSA';
  readonly use: 'sig';
}

export const SIGNING_KEY = Symbol('bulwark.signingKey');

/** RFC 7518, section 3.2: a key for HS256 is at least as long as the hash. */
const MIN_SECRET_BYTES = 32;

/** @throws Error if the settings have no source of keys or more than one, or if a key is invalid */
export function loadSigningKey({ secret, privateKey, keysFile }: AuthSettings): SigningKey {
  if ([secret, privateKey, keysFile].filter((one) => one !== undefined).length !== 1) {
    throw new Error('AuthModule needs exactly one of the options "secret", "privateKey" and "keysFile"');
  }
  if (keysFile !== undefined) return createKeyRing(readKeysFile(keysFile));
  if (privateKey !== undefined) return createKeyRing([createAsymmetricRingKey(createPrivateKey(privateKey))]);
  return createKeyRing([createSecretRingKey(Buffer.from(secret ?? ''))]);
}

/** Derives a key for another purpose. It is equal on all replicas and does not reveal the signing key. */
export function deriveKey(
  { secretOrPrivateKey: key }: Pick<SigningKey, 'secretOrPrivateKey'>,
  purpose: string,
): KeyObject {
  const material = key.type === 'secret' ? key.export() : key.export({ type: 'pkcs8', format: 'der' });
  return createSecretKey(Buffer.from(hkdfSync('sha256', material, '', purpose, 32)));
}

/** One configured key. `secretOrPrivateKey` is missing if only the public key is known. */
interface RingKey {
  readonly kid?: string;
  readonly secretOrPrivateKey?: KeyObject;
  readonly verificationKey: VerificationKey;
  readonly publicKey?: PublicJwk;
}

/** The first private key or secret signs. All keys verify. */
function createKeyRing(keys: readonly RingKey[]): SigningKey {
  const ids = keys.map(({ kid }) => kid);
  if (new Set(ids).size < keys.length) {
    throw new Error('Two signing keys have the same "kid", or no "kid". Give each key its own "kid"');
  }
  const current = keys.find(({ secretOrPrivateKey }) => secretOrPrivateKey !== undefined);
  if (!current?.secretOrPrivateKey)
    throw new Error('No signing key is a private key or a secret ("d" or "k"), so tokens cannot be signed. Add one');
  const keysById = new Map(keys.map(({ kid, verificationKey }) => [kid, verificationKey]));
  // A token without `kid` uses the key without `kid`, or the only key.
  const keyWithoutId = keysById.get(undefined) ?? (keys.length === 1 ? current.verificationKey : undefined);
  return {
    algorithm: current.verificationKey.algorithm,
    ...(current.kid !== undefined && { kid: current.kid }),
    secretOrPrivateKey: current.secretOrPrivateKey,
    previousKeys: keys.flatMap(({ secretOrPrivateKey: key }) =>
      key === undefined || key === current.secretOrPrivateKey ? [] : [key],
    ),
    findVerificationKey: (kid) => (kid === undefined ? keyWithoutId : keysById.get(kid as string)),
    publicKeys: keys.map(({ publicKey }) => publicKey).filter((key) => key !== undefined),
  };
}

function createSecretRingKey(bytes: Buffer, kid?: string): RingKey {
  const key = createSecretKey(bytes);
  return {
    ...(kid !== undefined && { kid }),
    secretOrPrivateKey: key,
    verificationKey: createVerificationKey('HS256', key),
  };
}

function createAsymmetricRingKey(key: KeyObject, kid?: string): RingKey {
  const publicPart = key.type === 'private' ? createPublicKey(key) : key;
  const publicKey = toPublicJwk(publicPart, kid);
  return {
    kid: publicKey.kid,
    ...(key.type === 'private' && { secretOrPrivateKey: key }),
    verificationKey: createVerificationKey(publicKey.alg, publicPart),
    publicKey,
  };
}

function readKeysFile(path: string): RingKey[] {
  let set: { keys?: unknown };
  try {
    set = JSON.parse(readFileSync(path, 'utf8')) as { keys?: unknown };
  } catch (cause) {
    throw new Error(`The signing keys in ${path} cannot be read. The file must be a JWK Set, {"keys": […]}`, { cause });
  }
  if (!Array.isArray(set.keys) || set.keys.length === 0)
    throw new Error(`${path} contains no keys. The file must be a JWK Set, {"keys": […]}`);
  return set.keys.map((jwk: JsonWebKey & { kid?: unknown }, i) => {
    try {
      return createRingKey(jwk, typeof jwk.kid === 'string' ? jwk.kid : undefined);
    } catch {
      // Without the cause, whose message could contain the key.
      throw new Error(
        `Key ${i + 1} in ${path} is neither a JWK on the curve P-256 or Ed25519 nor a secret of ${MIN_SECRET_BYTES} bytes or more`,
      );
    }
  });
}

function createRingKey(jwk: JsonWebKey, kid: string | undefined): RingKey {
  if (jwk.kty === 'oct') {
    const bytes = Buffer.from(jwk.k ?? '', 'base64url');
    if (bytes.length < MIN_SECRET_BYTES) throw new Error('too short');
    return createSecretRingKey(bytes, kid);
  }
  const source = { key: jwk, format: 'jwk' } as const;
  return createAsymmetricRingKey(jwk.d === undefined ? createPublicKey(source) : createPrivateKey(source), kid);
}

function toPublicJwk(key: KeyObject, kid?: string): PublicJwk {
  const { kty, crv, x, y } = key.export({ format: 'jwk' });
  if (kty === 'EC' && crv === 'P-256' && x !== undefined && y !== undefined) {
    return { kty, crv, x, y, kid: kid ?? computeThumbprint({ crv, kty, x, y }), alg: 'ES256', use: 'sig' };
  }
  if (kty === 'OKP' && crv === 'Ed25519' && x !== undefined) {
    return { kty, crv, x, kid: kid ?? computeThumbprint({ crv, kty, x }), alg: 'EdDSA', use: 'sig' };
  }
  throw new Error('Signing keys must be on the curve P-256 (ES256) or Ed25519 (EdDSA)');
}

/** Computes a key id from the key (RFC 7638). The members must be in alphabetical order. */
function computeThumbprint(members: Record<string, string>): string {
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url');
}
