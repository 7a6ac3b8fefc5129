import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { ProblemException } from '../problem/index.js';

/** A place in a list: the values that order it, of the row at which a page begins or ends. @publicApi */
export interface CursorPosition {
  readonly direction: 'next' | 'prev';
  readonly values: readonly (string | number | boolean)[];
}

const VERSION = 1;
const MAC_BYTES = 16;
const MAX_CURSOR_LENGTH = 2_048;

/**
 * Cursors: opaque to clients, and refused when one has been made up or changed, or belongs to another list. What they
 * hold is signed, not hidden.
 *
 * @publicApi
 */
export class CursorCodec {
  private readonly key: Buffer;

  /**
   * @param secret the same for all replicas, 32 random bytes or more; may be one that serves something else as well.
   *   Without one, cursors hold until the process ends.
   */
  constructor(secret = randomBytes(32).toString('base64')) {
    if (Buffer.byteLength(secret) < 32) throw new TypeError('The secret of cursors is shorter than 32 bytes.');
    // A key of its own: what is signed here proves nothing elsewhere.
    this.key = Buffer.from(hkdfSync('sha256', secret, '', 'nest-bulwark cursors', 32));
  }

  /** @param list name of the list, with whatever decides on its order and its rows */
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
        'Send a cursor as a page of this list gave it, or none to begin anew.',
      );
    }
    const [, direction, ...values] = JSON.parse(payload.toString()) as [number, 'next' | 'prev', ...string[]];
    return { direction, values };
  }

  private mac(list: string, payload: Buffer): Buffer {
    return createHmac('sha256', this.key).update(`${list}\0`).update(payload).digest().subarray(0, MAC_BYTES);
  }
}
