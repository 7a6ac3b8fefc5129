import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Beginning of every key, by which scanners of repositories and logs find them. */
export const API_KEY_PREFIX = 'bwk_';

/** `bwk_<id, 32 hex>_<secret, 256 bits in base64url><CRC-32 of all before it, 8 hex>` */
const KEY = /^(bwk_([0-9a-f]{32})_([\w-]{43}))([0-9a-f]{8})$/;
const SECRET_BYTES = 32;

export interface ApiKeyParts {
  /** The UUID of the key's row. */
  readonly id: string;
  readonly secret: string;
}

/** A key for a row, to be shown once. */
export function newApiKey(id: string): { key: string; hash: Buffer } {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const body = `${API_KEY_PREFIX}${id.replaceAll('-', '')}_${secret}`;
  return { key: body + checksumOf(body), hash: hashOf(secret) };
}

/** Undefined for what was mistyped, cut or made up; the checksum tells so without a look at the database. */
export function parseApiKey(text: string): ApiKeyParts | undefined {
  const [, body, hex, secret, checksum] = KEY.exec(text) ?? [];
  if (body === undefined || hex === undefined || secret === undefined || checksumOf(body) !== checksum)
    return undefined;
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { id, secret };
}

/**
 * What is kept of a secret. A fast hash serves: with 256 random bits there is nothing to guess, and a slow one like bcrypt
 * would only make each request of a machine cost what a login does.
 */
export function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function checksumOf(body: string): string {
  return crc32(body).toString(16).padStart(8, '0');
}
