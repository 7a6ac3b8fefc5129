import { randomBytes } from 'node:crypto';

const seed = randomBytes(8);
const seedA = seed.readInt32LE(0);
const seedB = seed.readInt32LE(4);

/** The hash of the last key is kept, because a request usually checks several policies with one key. */
let lastKey: string | undefined;
const last = { a: 0, b: 0 };

/**
 * The 64-bit hash of a key in the tables in memory: HalfSipHash-1-3 over UTF-16 code units, with a random seed in each
 * process. The seed is secret, so that an attacker cannot choose addresses or account names that share a counter. Cheaper
 * hashes have collisions with every seed (https://www.aumasson.jp/siphash). The result is only valid until the next call.
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
  // Each block has two code units. The last block has the length and the remaining code unit. Of the six final rounds,
  // the first three give one half of the hash and the others give the other half.
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
