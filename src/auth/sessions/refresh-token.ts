import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import { derivedKey, type SigningKey } from '../tokens/signing-key.js';

const TOKEN = /^([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\.([\w-]{43})(?:\.([\w-]{22}))?$/;
const TAG_LENGTH = 22;

/** The parts of a refresh token, `id.secret.tag`. */
export interface RefreshToken {
  /** Of the session. */
  readonly id: string;
  readonly secret: string;
  /** HMAC over the other parts, cut to 128 bits; missing in tokens of earlier versions. */
  readonly tag: string | undefined;
}

/** Undefined for a text that is no refresh token. */
export function parseRefreshToken(token: string): RefreshToken | undefined {
  const [, id, secret, tag] = TOKEN.exec(token) ?? [];
  return id !== undefined && secret !== undefined ? { id, secret, tag } : undefined;
}

export function formatRefreshToken(key: SigningKey, id: string, secret: string): string {
  return `${id}.${secret}.${tagOf(tagKeys(key)[0], id, secret)}`;
}

/**
 * Whether the token was issued here, be it current or used. False for a token whose key has left the ring: it may be
 * genuine, but nothing shows it.
 */
export function isGenuine(key: SigningKey, { id, secret, tag }: RefreshToken): boolean {
  if (tag === undefined) return false;
  const given = Buffer.from(tag);
  return tagKeys(key).some((tagKey) => timingSafeEqual(given, Buffer.from(tagOf(tagKey, id, secret))));
}

type TagKeys = readonly [current: KeyObject, ...earlier: KeyObject[]];

const keysOf = new WeakMap<SigningKey, TagKeys>();

/** Derived once for each ring. */
function tagKeys(key: SigningKey): TagKeys {
  let keys = keysOf.get(key);
  if (!keys) {
    const derive = (sign: KeyObject) => derivedKey({ sign }, 'bulwark refresh token tag');
    keys = [derive(key.sign), ...key.earlier.map(derive)];
    keysOf.set(key, keys);
  }
  return keys;
}

function tagOf(tagKey: KeyObject, id: string, secret: string): string {
  return createHmac('sha256', tagKey).update(`${id}.${secret}`).digest('base64url').slice(0, TAG_LENGTH);
}
