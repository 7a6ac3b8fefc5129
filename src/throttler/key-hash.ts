import { randomBytes } from 'node:crypto';

const seed = randomBytes(8);
const seedA = seed.readInt32LE(0);
const seedB = seed.readInt32LE(4);

/** The hash of the last key, because a request asks several policies about one key. */
let lastKey: string | undefined;
const last = { a: 0, b: 0 };

/**
 * 64 bits that stand for a key in the tables in memory: HalfSipHash-1-3 over UTF-16 code units, seeded anew in each
 * process. It is keyed so that nobody can craft addresses or account names that share a counter; cheaper hashes have
 * collisions that hold for every seed (https://www.aumasson.jp/siphash). The result is only valid until the next call.
 */
export function hashOf(key: string): { readonly a: number; readonly b: number } {
  if (key !== lastKey) {
    lastKey = key;
    sip(key);
  }
  return last;
}

function sip(key: string): void {
  let v0 = seedA;
  let v1 = seedB ^ 0xee;
  let v2 = seedA ^ 0x6c796765;
  let v3 = seedB ^ 0x74656462;
  const { length } = key;
  // Two code units a block; the last block holds the length, and the unit that is left over. Then the finishing rounds:
  // three yield one half, and three more the other.
  const blocks = (length >> 1) + 1;
  for (let round = 0; round < blocks + 6; round++) {
    const at = round * 2;
    let block = 0;
    if (round < blocks - 1) block = key.charCodeAt(at) | (key.charCodeAt(at + 1) << 16);
    else if (round < blocks) block = (length << 16) | (at < length ? key.charCodeAt(at) : 0);
    else if (round === blocks) v2 ^= 0xee;
    else if (round === blocks + 3) {
      last.a = (v1 ^ v3) >>> 0;
      v1 ^= 0xdd;
    }
    v3 ^= block;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= block;
  }
  last.b = (v1 ^ v3) >>> 0;
}
