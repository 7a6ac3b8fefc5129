const DOUBLES_PER_SLOT = 4;
const WORDS_PER_SLOT = 8;
export const BYTES_PER_SLOT = 32;

/** Where the parts of a slot stand, counted in doubles and in words. */
export const START = 0;
export const HELD = 1;
export const CURRENT = 4;
export const PREVIOUS = 5;
export const HASH_A = 6;
export const HASH_B = 7;

/**
 * Counters in one piece of memory, 32 bytes each, so that a decision touches one line of the processor's cache and the
 * garbage collector has nothing to walk:
 *
 *     start f64 | held f64 | current u32 | previous u32 | hash u32 u32
 *
 * `start` is when the window began, 0 in an empty slot. `held` is until when the key is barred; negative, it bars
 * nobody, and only says until when a refused key must not be evicted.
 */
export class Segment {
  readonly memory: ArrayBuffer;
  readonly doubles: Float64Array;
  readonly words: Uint32Array;
  readonly mask: number;
  /** Slots that are not empty. */
  filled = 0;
  /** Until when making room is not worth another try. */
  fullUntil = 0;

  /** @param used memory of another segment of that size; what it holds is overwritten */
  constructor(
    readonly slots: number,
    /** Most slots that may be filled. */
    readonly capacity: number,
    /** How many low bits of their hash all its keys have in common. */
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

  /** Whether nothing that the slot says can matter any more. */
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

  /** Only for a segment that is about to be replaced: a gap would end a search too early. */
  empty(slot: number): void {
    this.doubles[slot * DOUBLES_PER_SLOT + START] = 0;
  }

  /** Begins a key's first window in a slot. */
  claim(slot: number, a: number, b: number, now: number): void {
    this.doubles[slot * DOUBLES_PER_SLOT + START] = now;
    this.doubles[slot * DOUBLES_PER_SLOT + HELD] = 0;
    const at = slot * WORDS_PER_SLOT;
    this.words[at + CURRENT] = 0;
    this.words[at + PREVIOUS] = 0;
    this.words[at + HASH_A] = a;
    this.words[at + HASH_B] = b;
  }

  /** Copies a slot into a segment that has room and has not this key. */
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
