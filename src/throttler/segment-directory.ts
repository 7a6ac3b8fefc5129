import { BYTES_PER_SLOT, Segment } from './counter-segment.js';

const MIN_SEGMENT_SLOTS = 16;
/** A segment is rebuilt in one step. With this number of slots that takes a fraction of a millisecond. */
const MAX_SEGMENT_SLOTS = 8_192;
const MAX_LOAD = 0.75;
/** A full segment with a smaller part of live keys does not grow: it only drops its expired keys. */
const GROW_ABOVE = 0.65;
/** At its maximum size, a segment with a larger part of live keys than the first evicts keys down to the second. */
const EVICT_ABOVE = 0.9;
const EVICT_DOWN_TO = 0.75;
/** Eviction treats all keys with more hits than this alike. */
const MAX_USED = 255;
/** Pause before a segment full of keys that must stay is examined again. */
const FULL_PAUSE_MS = 1_000;

/**
 * An extendible hash table (https://doi.org/10.1145/320083.320092). The low bits of the hash of a key select a segment in
 * the directory. Each segment is a small table with linear probing.
 *
 * There is no timer. A new key takes an expired slot that it finds while probing. A full segment drops its expired keys,
 * grows, splits in two, or at the maximum size evicts its least used keys. This touches no other segment, so that a
 * request never waits for more than one segment. The memory of a replaced segment is used for the next one, so that growth
 * leaves no garbage. Keys that are blocked or have reached their limit are not evicted. If a segment has only such keys,
 * new keys share one slot.
 */
export class SegmentDirectory {
  /** The segment in which the last slot was found. */
  at: Segment;
  /** Time after which an unused key has expired, in milliseconds: twice the longest window. */
  lifeMs = 0;
  /** Its length is a power of two. A segment that was split less often than others has several entries. */
  private directory: Segment[];
  private readonly deepest: number;
  private readonly largest: number;
  private readonly share: number;
  private readonly overflow = new Segment(1, 1, 0);
  /** Memory of the last segment that was replaced. */
  private spare: ArrayBuffer | undefined;

  /** @param maxKeys maximum number of keys with their own counter */
  constructor(maxKeys: number) {
    const count = powerOfTwo(maxKeys / (MAX_SEGMENT_SLOTS * MAX_LOAD));
    this.deepest = Math.log2(count);
    this.share = Math.max(1, Math.floor(maxKeys / count));
    this.largest = Math.max(MIN_SEGMENT_SLOTS, powerOfTwo(this.share / MAX_LOAD));
    this.directory = [this.segmentOf(MIN_SEGMENT_SLOTS, 0)];
    this.at = this.overflow;
  }

  /** Keys that have a counter, including expired ones. */
  get size(): number {
    return this.sum(({ filled }) => filled);
  }

  get bytes(): number {
    return this.sum(({ slots }) => slots * BYTES_PER_SLOT);
  }

  /** The slot of a key in the segment `at`; -1 if the key has no slot and `isInsert` is false. */
  locate(a: number, b: number, now: number, limit: number, isInsert: boolean): number {
    const segment = this.directory[b & (this.directory.length - 1)] as Segment;
    this.at = segment;
    let reusable = -1;
    // There is always an empty slot, because the capacity is less than the number of slots.
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

  /** Replaces a full segment by one or two segments with room. Returns false if all its keys must stay. */
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

  /** Counts the live keys of a segment, the keys that may be evicted, and the latter by their number of hits. */
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
   * Evicts the `surplus` least used keys: all keys with fewer hits than a border, and an evenly spread part of the keys
   * with as many hits as the border.
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

  /** Replaces a segment by another one, or by its two halves. Expired keys are not copied. */
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
    const capacity = Math.min(Math.floor(slots * MAX_LOAD), depth === this.deepest ? this.share : slots);
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
