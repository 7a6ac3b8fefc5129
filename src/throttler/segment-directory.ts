import { BYTES_PER_SLOT, Segment } from './counter-segment.js';

const SMALLEST_SEGMENT = 16;
/** A segment is rebuilt in one go, and so many slots take a fraction of a millisecond. */
const MAX_SEGMENT_SLOTS = 8_192;
const MAXIMUM_LOAD = 0.75;
/** A full segment with fewer live keys than this is only cleared of the stale ones. */
const GROW_ABOVE = 0.65;
/** At the cap, a segment with fewer live keys than this is only cleared; with more, it is evicted down to the other. */
const EVICT_ABOVE = 0.9;
const EVICT_DOWN_TO = 0.75;
/** Keys that were used more often than this are not told apart when the least used are sought. */
const MAX_USED = 255;
/** How long a segment full of blocked keys is left alone. */
const FULL_PAUSE_MS = 1_000;

/**
 * An extendible hash table (https://doi.org/10.1145/320083.320092): a directory, by the low bits of the key's hash, names
 * segments, each a small table with linear probing.
 *
 * There is no timer. A slot whose windows are over is taken by the next key that comes by it, and a segment that is full
 * is cleared, grown, split in two, or at the cap relieved of its least used keys, by itself: no other segment is touched,
 * so that no request waits for more than one segment, and what is left over is one segment's memory, which the next one
 * takes, so that growing makes nothing for the garbage collector. Keys that are blocked or have used up their limit are
 * not evicted; where nobody else is left, new keys share one slot.
 */
export class SegmentDirectory {
  /** The segment that the last slot was found in. */
  at: Segment;
  /** After which a key that was not seen again means nothing, in milliseconds: two of the longest windows. */
  lifeMs = 0;
  /** As many as a power of two; a segment that has not been split as often as others stands here several times. */
  private directory: Segment[];
  private readonly deepest: number;
  private readonly largest: number;
  private readonly share: number;
  private readonly overflow = new Segment(1, 1, 0);
  /** Memory of the last segment that was replaced. */
  private spare: ArrayBuffer | undefined;

  /** @param maxKeys most keys that have a counter of their own */
  constructor(maxKeys: number) {
    const count = powerOfTwo(maxKeys / (MAX_SEGMENT_SLOTS * MAXIMUM_LOAD));
    this.deepest = Math.log2(count);
    this.share = Math.max(1, Math.floor(maxKeys / count));
    this.largest = Math.max(SMALLEST_SEGMENT, powerOfTwo(this.share / MAXIMUM_LOAD));
    this.directory = [this.segmentOf(SMALLEST_SEGMENT, 0)];
    this.at = this.overflow;
  }

  /** Keys that have a counter, stale ones among them. */
  get size(): number {
    return this.sum(({ filled }) => filled);
  }

  get bytes(): number {
    return this.sum(({ slots }) => slots * BYTES_PER_SLOT);
  }

  /** The slot of a key in the segment `at`; -1 where it has none and is to get none. */
  locate(a: number, b: number, now: number, limit: number, isInsert: boolean): number {
    const segment = this.directory[b & (this.directory.length - 1)] as Segment;
    this.at = segment;
    let reusable = -1;
    // There is always an empty slot, because capacity is less than the slots.
    for (let slot = a & segment.mask; ; slot = (slot + 1) & segment.mask) {
      if (segment.isEmpty(slot)) {
        if (!isInsert) return -1;
        if (reusable < 0) {
          if (segment.filled >= segment.capacity) return this.makeRoom(segment, a, b, now, limit);
          segment.filled++;
          reusable = slot;
        }
        segment.claim(reusable, a, b, now);
        return reusable;
      }
      if (segment.has(slot, a, b)) return slot;
      if (reusable < 0 && segment.isStale(slot, now, this.lifeMs)) reusable = slot;
    }
  }

  private makeRoom(full: Segment, a: number, b: number, now: number, limit: number): number {
    if (full.fullUntil <= now) {
      if (this.relieve(full, now, limit)) return this.locate(a, b, now, limit, true);
      full.fullUntil = now + FULL_PAUSE_MS;
    }
    this.at = this.overflow;
    if (this.overflow.isEmpty(0)) this.overflow.claim(0, 0, 0, now);
    return 0;
  }

  /** Replaces a full segment by one or two with room; false where all its keys must stay. */
  private relieve(full: Segment, now: number, limit: number): boolean {
    const { live, evictable, usage } = this.census(full, now, limit);
    if (live > full.slots * GROW_ABOVE && full.slots < this.largest) {
      this.replace(full, [this.segmentOf(full.slots * 2, full.depth)], now);
      return true;
    }
    if (live > full.slots * GROW_ABOVE && full.depth < this.deepest) {
      const depth = full.depth + 1;
      this.replace(full, [this.segmentOf(full.slots, depth), this.segmentOf(full.slots, depth)], now);
      return true;
    }
    const isTooFull = live > full.capacity * EVICT_ABOVE;
    const surplus = isTooFull ? Math.min(evictable, live - Math.floor(full.capacity * EVICT_DOWN_TO)) : 0;
    if (live - surplus >= full.capacity) return false;
    this.evict(full, now, limit, surplus, usage);
    this.replace(full, [this.segmentOf(full.slots, full.depth)], now);
    return true;
  }

  /** How many keys of a segment matter, how many of them may be evicted, and how often these were used. */
  private census(segment: Segment, now: number, limit: number) {
    const usage = new Uint32Array(MAX_USED + 1);
    let live = 0;
    let evictable = 0;
    for (let slot = 0; slot < segment.slots; slot++) {
      if (segment.isEmpty(slot) || segment.isStale(slot, now, this.lifeMs)) continue;
      live++;
      const used = segment.used(slot);
      if (used >= limit || segment.isHeld(slot, now)) continue;
      evictable++;
      usage[Math.min(used, MAX_USED)]++;
    }
    return { live, evictable, usage };
  }

  /**
   * Empties slots of the least used keys: of all below a border, and of those that stand on it as many as are still too
   * many, evenly spread.
   */
  private evict(segment: Segment, now: number, limit: number, surplus: number, usage: Uint32Array): void {
    let border = 0;
    let onBorder = surplus;
    while (usage[border] < onBorder) onBorder -= usage[border++];
    const part = onBorder === 0 ? 0 : onBorder / usage[border];
    let due = 0;
    for (let slot = 0; slot < segment.slots && surplus > 0; slot++) {
      if (segment.isEmpty(slot) || segment.isStale(slot, now, this.lifeMs)) continue;
      const used = Math.min(segment.used(slot), MAX_USED);
      if (used > border || segment.used(slot) >= limit || segment.isHeld(slot, now)) continue;
      if (used === border) {
        due += part;
        if (due < 1) continue;
        due--;
      }
      segment.empty(slot);
    }
  }

  /** Puts one segment, or the two halves, in the place of another, without the keys that mean nothing any more. */
  private replace(old: Segment, [even, odd = even]: [Segment, Segment?], now: number): void {
    const bit = 1 << old.depth;
    for (let slot = 0; slot < old.slots; slot++) {
      if (old.isEmpty(slot) || old.isStale(slot, now, this.lifeMs)) continue;
      old.copyTo(old.hashB(slot) & bit ? odd : even, slot);
    }
    if (odd !== even && bit === this.directory.length) this.directory = [...this.directory, ...this.directory];
    this.directory = this.directory.map((segment, i) => (segment !== old ? segment : i & bit ? odd : even));
    this.spare = old.memory;
  }

  private segmentOf(slots: number, depth: number): Segment {
    const capacity = Math.min(Math.floor(slots * MAXIMUM_LOAD), depth === this.deepest ? this.share : slots);
    const isFitting = this.spare?.byteLength === slots * BYTES_PER_SLOT;
    const memory = isFitting ? this.spare : undefined;
    if (isFitting) this.spare = undefined;
    return new Segment(slots, capacity, depth, memory);
  }

  private sum(figure: (segment: Segment) => number): number {
    return [...new Set(this.directory)].reduce((total, segment) => total + figure(segment), 0);
  }
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, atLeast))));
}
