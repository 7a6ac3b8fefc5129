import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { ProblemException } from '../problem/index.js';

/** A position in a list: the sort values of the row at which a page begins or ends. @publicApi */
export interface CursorPosition {
  readonly direction: 'next' | 'prev';
  readonly values: readonly (string | number | boolean)[];
}

const VERSION = 1;
const MAC_BYTES = 16;
const MAX_CURSOR_LENGTH = 2_048;

/**
 * Encodes and decodes cursors. A cursor is opaque to clients. An invented or changed cursor, or a cursor of another list,
 * is rejected. The values are signed and not encrypted.
 *
 * @publicApi
 */
export class CursorCodec {
  private readonly key: Buffer;

  /**
   * @param secret at least 32 random bytes, the same on all replicas. It may be a secret that is used elsewhere too.
   *   Without a secret, cursors are valid until the process ends.
   */
  constructor(secret = randomBytes(32).toString('base64')) {
    if (Buffer.byteLength(secret) < 32) {
      throw new TypeError('cursorSecret is shorter than 32 bytes. Use at least 32 random bytes.');
    }
    // Derives a key for cursors only, so that a cursor's signature is not valid for another purpose of the secret.
    this.key = Buffer.from(hkdfSync('sha256', secret, '', 'nest-bulwark cursors', 32));
  }

  /** @param list name of the list, including everything that decides its order and its rows, such as filters */
  encode(list: string, { direction, values }: CursorPosition): string {
    const payload = Buffer.from(JSON.stringify([VERSION, direction, ...values]));
    return Buffer.concat([this.mac(list, payload), payload]).toString('base64url');
  }

  /** @throws ProblemException `CURSOR_INVALID` */
  decode(list: string, cursor: string): CursorPosition {
    const bytes = Buffer.from(cursor.length > MAX_CURSOR_LENGTH ? '' : cursor, 'base64url');
    const payload = bytes.subarray(MAC_BYTES);
    if (payload.length === 0 || !timingSafeEqual(bytes.subarray(0, MAC_BYTES), this.mac(list, payload))) {
      throw new ProblemException(
        'CURSOR_INVALID',
        'Send a cursor from a page of this list, or no cursor for the first page.',
      );
    }
    const [, direction, ...values] = JSON.parse(payload.toString()) as [number, 'next' | 'prev', ...string[]];
    return { direction, values };
  }

  private mac(list: string, payload: Buffer): Buffer {
    return createHmac('sha256', this.key).update(`${list}\0`).update(payload).digest().subarray(0, MAC_BYTES);
  }
}
