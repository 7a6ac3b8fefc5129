const DOUBLES_PER_SLOT = 4;
const WORDS_PER_SLOT = 8;
export const BYTES_PER_SLOT = 32;

/** Offsets of the fields of a slot: START and HELD in doubles, the others in words. */
export const START = 0;
export const HELD = 1;
export const CURRENT = 4;
export const PREVIOUS = 5;
export const HASH_A = 6;
export const HASH_B = 7;

/**
 * Counters in one buffer, 32 bytes each. A decision touches one cache line of the processor, and the garbage collector has
 * no objects to visit:
 *
 *     start f64 | held f64 | current u32 | previous u32 | hash u32 u32
 *
 * `start` is the time when the window began; it is 0 in an empty slot. A positive `held` is the time until which the key
 * is blocked. A negative `held` blocks nothing: its absolute value is the time until which a refused key is not evicted.
 */
export class Segment {
  readonly memory: ArrayBuffer;
  readonly doubles: Float64Array;
  readonly words: Uint32Array;
  readonly mask: number;
  /** Slots that are not empty. */
  filled = 0;
  /** Until this time the directory does not try again to make room. */
  fullUntil = 0;

  /** @param used memory of another segment of the same size; it is overwritten */
  constructor(
    readonly slots: number,
    /** Maximum number of filled slots. */
    readonly capacity: number,
    /** Number of low bits of the hash that all its keys share. */
    readonly depth: number,
    used?: ArrayBuffer,
  ) {
    this.memory = used ?? new ArrayBuffer(slots * BYTES_PER_SLOT);
    this.doubles = new Float64Array(this.memory);
    this.words = new Uint32Array(this.memory);
    if (used) this.words.fill(0);
    this.mask = slots - 1;
  }

  isEmpty(slot: number): boolean {
    return this.doubles[slot * DOUBLES_PER_SLOT + START] === 0;
  }

  /** Whether the counter of the slot has expired. */
  isStale(slot: number, now: number, lifeMs: number): boolean {
    const at = slot * DOUBLES_PER_SLOT;
    return now - this.doubles[at + START] >= lifeMs && !this.isHeld(slot, now);
  }

  isHeld(slot: number, now: number): boolean {
    return Math.abs(this.doubles[slot * DOUBLES_PER_SLOT + HELD]) > now;
  }

  used(slot: number): number {
    const at = slot * WORDS_PER_SLOT;
    return this.words[at + CURRENT] + this.words[at + PREVIOUS];
  }

  has(slot: number, a: number, b: number): boolean {
    const at = slot * WORDS_PER_SLOT;
    return this.words[at + HASH_A] === a && this.words[at + HASH_B] === b;
  }

  hashB(slot: number): number {
    return this.words[slot * WORDS_PER_SLOT + HASH_B];
  }

  /** Only for a segment that is then replaced, because an empty slot in between would end a search too early. */
  empty(slot: number): void {
    this.doubles[slot * DOUBLES_PER_SLOT + START] = 0;
  }

  /** Begins the first window of a key in a slot. */
  claim(slot: number, a: number, b: number, now: number): void {
    this.doubles[slot * DOUBLES_PER_SLOT + START] = now;
    this.doubles[slot * DOUBLES_PER_SLOT + HELD] = 0;
    const at = slot * WORDS_PER_SLOT;
    this.words[at + CURRENT] = 0;
    this.words[at + PREVIOUS] = 0;
    this.words[at + HASH_A] = a;
    this.words[at + HASH_B] = b;
  }

  /** Copies a slot to a segment that has room and does not contain the key. */
  copyTo(target: Segment, slot: number): void {
    const from = slot * WORDS_PER_SLOT;
    let to = this.words[from + HASH_A] & target.mask;
    while (!target.isEmpty(to)) to = (to + 1) & target.mask;
    for (let word = 0; word < WORDS_PER_SLOT; word++) {
      target.words[to * WORDS_PER_SLOT + word] = this.words[from + word];
    }
    target.filled++;
  }
}
