import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import { deriveKey, type SigningKey } from '../tokens/signing-key.js';

const TOKEN_PATTERN =
  /^([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\.([\w-]{43})(?:\.([\w-]{22}))?$/;
const TAG_LENGTH = 22;

/** The parts of a refresh token, `id.secret.tag`. */
export interface RefreshToken {
  /** Id of the session. */
  readonly id: string;
  readonly secret: string;
  /** HMAC over the other parts, cut to 128 bits. Tokens of earlier versions have no tag. */
  readonly tag: string | undefined;
}

/** Returns undefined if the text is not a refresh token. */
export function parseRefreshToken(token: string): RefreshToken | undefined {
  const [, id, secret, tag] = TOKEN_PATTERN.exec(token) ?? [];
  return id !== undefined && secret !== undefined ? { id, secret, tag } : undefined;
}

export function formatRefreshToken(key: SigningKey, id: string, secret: string): string {
  return `${id}.${secret}.${computeTag(getTagKeys(key)[0], id, secret)}`;
}

/**
 * Whether this application issued the token, no matter whether it was used. Returns false if the key of the tag is no
 * longer configured, because then the tag cannot be checked.
 */
export function isIssuedHere(key: SigningKey, { id, secret, tag }: RefreshToken): boolean {
  if (tag === undefined) return false;
  const given = Buffer.from(tag);
  return getTagKeys(key).some((tagKey) => timingSafeEqual(given, Buffer.from(computeTag(tagKey, id, secret))));
}

type TagKeys = readonly [current: KeyObject, ...previous: KeyObject[]];

const tagKeyCache = new WeakMap<SigningKey, TagKeys>();

/** Derives the keys once for each set of signing keys. */
function getTagKeys(key: SigningKey): TagKeys {
  let keys = tagKeyCache.get(key);
  if (!keys) {
    const derive = (secretOrPrivateKey: KeyObject) => deriveKey({ secretOrPrivateKey }, 'bulwark refresh token tag');
    keys = [derive(key.secretOrPrivateKey), ...key.previousKeys.map(derive)];
    tagKeyCache.set(key, keys);
  }
  return keys;
}

function computeTag(tagKey: KeyObject, id: string, secret: string): string {
  return createHmac('sha256', tagKey).update(`${id}.${secret}`).digest('base64url').slice(0, TAG_LENGTH);
}
