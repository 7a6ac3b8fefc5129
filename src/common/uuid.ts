import { randomFillSync } from 'node:crypto';

/** Random bytes for many ids, because each call of the random generator is expensive. */
const POOL = Buffer.allocUnsafe(4_096);
let poolOffset = POOL.length;

/**
 * Creates a UUID version 7 (RFC 9562, section 5.7). It begins with the time in milliseconds, so that new rows go to the
 * end of an index.
 *
 * @publicApi
 */
export function uuidv7(now = Date.now()): string {
  if (poolOffset === POOL.length) {
    randomFillSync(POOL);
    poolOffset = 0;
  }
  const bytes = POOL.subarray(poolOffset, (poolOffset += 16));
  bytes.writeUIntBE(now, 0, 6);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
