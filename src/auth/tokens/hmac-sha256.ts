import { hash, type KeyObject } from 'node:crypto';

const BLOCK_BYTES = 64;
const HASH_BYTES = 32;
/** Large enough for usual texts. Longer texts get a new buffer. */
const BUFFER_BYTES = 4_096;

/**
 * HMAC-SHA-256 (RFC 2104) with one key: two hashes over buffers that already contain the padded key. It takes little more
 * than half the time of `createHmac()`, which creates a stream object for every text. The stream costs more than the hash.
 */
export class HmacSha256 {
  private readonly inner = Buffer.alloc(BLOCK_BYTES + BUFFER_BYTES);
  private readonly outer = Buffer.alloc(BLOCK_BYTES + HASH_BYTES);

  constructor(secret: KeyObject) {
    const bytes = secret.export();
    const key = bytes.length > BLOCK_BYTES ? Buffer.from(hash('sha256', bytes, 'hex'), 'hex') : bytes;
    for (let i = 0; i < BLOCK_BYTES; i++) {
      const byte = key[i] ?? 0;
      this.inner[i] = byte ^ 0x36;
      this.outer[i] = byte ^ 0x5c;
    }
  }

  /** Returns the MAC of a text (UTF-8) in base64url. */
  digest(text: string): string {
    this.outer.write(hash('sha256', this.getInnerInput(text), 'binary'), BLOCK_BYTES, 'binary');
    return hash('sha256', this.outer, 'base64url');
  }

  private getInnerInput(text: string): Buffer {
    // A character takes three bytes at most (UTF-8 of UTF-16 code units).
    if (text.length * 3 > BUFFER_BYTES) return Buffer.concat([this.inner.subarray(0, BLOCK_BYTES), Buffer.from(text)]);
    return this.inner.subarray(0, BLOCK_BYTES + this.inner.write(text, BLOCK_BYTES));
  }
}
