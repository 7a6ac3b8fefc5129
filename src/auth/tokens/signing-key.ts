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

/**
 * The keys of access tokens, imported once. Handed over as text, jsonwebtoken would try to read a secret as a public key
 * at every verification, which costs several times what the verification itself does.
 */
export interface SigningKey {
  readonly algorithm: 'HS256' | 'ES256';
  /** Name of the key that signs; secrets have none. */
  readonly kid?: string;
  readonly sign: KeyObject;
  /** The key that a token names; undefined for one that is none of ours. */
  verifierOf(kid: unknown): KeyObject | undefined;
  /** Public keys by which others verify (RFC 7517); none for a secret. */
  readonly publicKeys: readonly PublicJwk[];
}

/** A public key of a JWK Set. @publicApi */
export interface PublicJwk {
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
  readonly y: string;
  readonly kid: string;
  readonly alg: 'ES256';
  readonly use: 'sig';
}

export const SIGNING_KEY = Symbol('bulwark.signingKey');

/** @throws Error when the settings name no key, or more than one source of keys, or one that cannot be used */
export function signingKey({ secret, privateKey, keysFile }: AuthSettings): SigningKey {
  if ([secret, privateKey, keysFile].filter((one) => one !== undefined).length !== 1) {
    throw new Error('AuthModule needs one of the options "secret", "privateKey" and "keysFile"');
  }
  if (privateKey !== undefined) return keyRing([{ key: createPrivateKey(privateKey) }]);
  if (keysFile !== undefined) return keyRing(readKeys(keysFile));
  const key = createSecretKey(Buffer.from(secret ?? ''));
  return {
    algorithm: 'HS256',
    sign: key,
    verifierOf: (kid) => (kid === undefined ? key : undefined),
    publicKeys: [],
  };
}

/** A key for another purpose, the same on every replica, from which nothing leads back to the signing key. */
export function derivedKey({ sign }: Pick<SigningKey, 'sign'>, purpose: string): KeyObject {
  const material = sign.type === 'secret' ? sign.export() : sign.export({ type: 'pkcs8', format: 'der' });
  return createSecretKey(Buffer.from(hkdfSync('sha256', material, '', purpose, 32)));
}

interface NamedKey {
  readonly key: KeyObject;
  readonly kid?: string;
}

/** The first private key signs, every key verifies. */
function keyRing(named: readonly NamedKey[]): SigningKey {
  const keys = named.map(({ key, kid }) => {
    const verify = key.type === 'private' ? createPublicKey(key) : key;
    const jwk = publicJwk(verify, kid);
    return { key, verify, jwk };
  });
  const byKid = new Map(keys.map(({ jwk, verify }) => [jwk.kid, verify]));
  if (byKid.size < keys.length) throw new Error('Two of the signing keys have one "kid"; give each a name of its own');
  const [only] = keys.length === 1 ? keys : [];
  const current = keys.find(({ key }) => key.type === 'private');
  if (!current) throw new Error('None of the signing keys is private ("d"), so that no token can be signed');
  return {
    algorithm: 'ES256',
    kid: current.jwk.kid,
    sign: current.key,
    // A token without a name can only be meant for the only key.
    verifierOf: (kid) => (kid === undefined ? only?.verify : byKid.get(kid as string)),
    publicKeys: keys.map(({ jwk }) => jwk),
  };
}

function readKeys(path: string): NamedKey[] {
  let set: { keys?: unknown };
  try {
    set = JSON.parse(readFileSync(path, 'utf8')) as { keys?: unknown };
  } catch (cause) {
    throw new Error(`The signing keys in ${path} cannot be read. It must be a JWK Set, {"keys": […]}`, { cause });
  }
  if (!Array.isArray(set.keys) || set.keys.length === 0) throw new Error(`${path} holds no keys, {"keys": […]}`);
  return set.keys.map((jwk: JsonWebKey & { kid?: string }, i) => {
    try {
      const key = jwk.d === undefined ? createPublicKey({ key: jwk, format: 'jwk' }) : privateJwk(jwk);
      return { key, ...(typeof jwk.kid === 'string' && { kid: jwk.kid }) };
    } catch {
      // The cause could quote the key.
      throw new Error(`Key ${i + 1} in ${path} is no JWK on the curve P-256`);
    }
  });
}

function privateJwk(jwk: JsonWebKey): KeyObject {
  return createPrivateKey({ key: jwk, format: 'jwk' });
}

function publicJwk(key: KeyObject, kid?: string): PublicJwk {
  const { kty, crv, x, y } = key.export({ format: 'jwk' });
  if (kty !== 'EC' || crv !== 'P-256' || x === undefined || y === undefined) {
    throw new Error('Signing keys must be on the curve P-256 (ES256)');
  }
  return { kty, crv, x, y, kid: kid ?? thumbprint({ crv, kty, x, y }), alg: 'ES256', use: 'sig' };
}

/** Name of a key that follows from the key itself (RFC 7638); the members stand in the order of the alphabet. */
function thumbprint(members: { crv: string; kty: string; x: string; y: string }): string {
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url');
}
