import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Prefix of every key. Secret scanners find keys in repositories and logs by this prefix. */
export const API_KEY_PREFIX = 'bwk_';

/** `bwk_<id, 32 hex digits>_<secret, 256 bits in base64url><CRC-32 of everything before it, 8 hex digits>` */
const API_KEY_PATTERN = /^(bwk_([0-9a-f]{32})_([\w-]{43}))([0-9a-f]{8})$/;
const SECRET_BYTES = 32;

export interface ApiKeyParts {
  /** The UUID of the key's row. */
  readonly id: string;
  readonly secret: string;
}

/** Creates a key for a row of `api_keys`. The key is shown once and is not stored. */
export function createApiKey(id: string): { key: string; hash: Buffer } {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const body = `${API_KEY_PREFIX}${id.replaceAll('-', '')}_${secret}`;
  return { key: body + computeChecksum(body), hash: hashSecret(secret) };
}

/** Returns undefined for an invalid key. The checksum detects mistyped, truncated and invented keys without a query. */
export function parseApiKey(text: string): ApiKeyParts | undefined {
  const [, body, hex, secret, checksum] = API_KEY_PATTERN.exec(text) ?? [];
  if (body === undefined || hex === undefined || secret === undefined || computeChecksum(body) !== checksum)
    return undefined;
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { id, secret };
}

/**
 * Returns the hash that is stored instead of the secret. A fast hash is enough, because 256 random bits cannot be guessed.
 * A slow hash such as bcrypt would make each request as expensive as a login.
 */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function computeChecksum(body: string): string {
  return crc32(body).toString(16).padStart(8, '0');
}
