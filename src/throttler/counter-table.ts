import { BYTES_PER_SLOT, CURRENT, HELD, PREVIOUS, Segment, START } from './counter-segment.js';
import type { Hit } from './policy.js';

const SMALLEST_SEGMENT = 16;
/** A segment is rebuilt in one go, and this many slots take about a millisecond. */
const LARGEST_SEGMENT = 32_768;
const MAXIMUM_LOAD = 0.75;
/** A full segment with fewer live keys than this is only cleared of the stale ones. */
const GROW_ABOVE = 0.65;
/** At the cap, a segment with fewer live keys than this is only cleared; with more, it is evicted down to the other. */
const EVICT_ABOVE = 0.9;
const EVICT_DOWN_TO = 0.75;
/** Keys that were used more often than this are not told apart when the least used are sought. */
const MOST_USED = 255;
/** How long a segment full of blocked keys is left alone. */
const FULL_PAUSE_MS = 1_000;

/**
 * The counters of one tier, in memory: a hash table with linear probing, split into segments by the key's hash.
 *
 * There is no timer. A slot whose windows are over is taken by the next key that comes by it, and a segment that is full
 * is cleared, grown, or at the cap relieved of its least used keys, by itself: no other segment is touched, so that no
 * request waits for more than one segment. Keys that are blocked or have used up their limit are not evicted; where
 * nobody else is left, new keys share one counter.
 *
 * `take()` leaves its answer in the fields, so that the hot path makes no objects.
 *
 * @see counter-segment.ts for the layout
 */
export class CounterTable {
  remaining = 0;
  resetMs = 0;
  waitMs = 0;

  private readonly segments: (Segment | undefined)[];
  private readonly largest: number;
  private readonly share: number;
  private readonly overflow = new Segment(1, 1);
  private at: Segment = this.overflow;
  /** After which a key that was not seen again means nothing: two of the longest windows. */
  private lifeMs = 0;

  /** @param maxKeys most keys that have a counter of their own */
  constructor(maxKeys: number) {
    const count = powerOfTwo(maxKeys / (LARGEST_SEGMENT * MAXIMUM_LOAD));
    this.segments = Array.from({ length: count }, () => undefined);
    this.share = Math.max(1, Math.floor(maxKeys / count));
    this.largest = Math.max(SMALLEST_SEGMENT, powerOfTwo(this.share / MAXIMUM_LOAD));
  }

  /** Keys that have a counter, stale ones among them. */
  get size(): number {
    return this.segments.reduce((sum, segment) => sum + (segment?.filled ?? 0), 0);
  }

  get bytes(): number {
    return this.segments.reduce((sum, segment) => sum + (segment?.slots ?? 0) * BYTES_PER_SLOT, 0);
  }

  /** Whether a hit is let through; unless it is only a look, a hit that is let through is spent. */
  take(a: number, b: number, hit: Hit, now: number, isLook: boolean): boolean {
    const { cost, limit, windowMs } = hit;
    const { isFixed } = hit.policy;
    if (windowMs * 2 > this.lifeMs) this.lifeMs = windowMs * 2;
    const slot = this.locate(a, b, now, limit, !isLook);
    if (slot < 0) return this.answerNewKey(hit);
    const { doubles, words } = this.at;
    const d = slot * 4;
    const w = slot * 8;
    let start = doubles[d + START];
    const held = doubles[d + HELD];
    let current = words[w + CURRENT];
    let previous = words[w + PREVIOUS];

    // A clock that was set back must not lengthen a window.
    let elapsed = now > start ? now - start : 0;
    if (elapsed >= windowMs) {
      const isNextWindow = !isFixed && elapsed < 2 * windowMs;
      previous = isNextWindow ? current : 0;
      current = 0;
      start = isNextWindow ? start + windowMs : now;
      elapsed = now - start;
    }
    // The window begins with its first hit; a refused request was none.
    if (current === 0 && previous === 0) {
      start = now;
      elapsed = 0;
    }
    // Times windowMs, so that whole numbers stay whole.
    let room = (limit - current) * windowMs - previous * (windowMs - elapsed);
    const isAllowed = held <= now && cost * windowMs <= room;
    if (isAllowed) {
      room -= cost * windowMs;
      this.waitMs = 0;
    } else {
      const untilRoom = waitFor(hit, current, previous, elapsed);
      this.waitMs = held > now ? Math.max(held - now, untilRoom) : Math.max(hit.blockMs, untilRoom);
    }
    this.remaining = held > now || room <= 0 ? 0 : Math.floor(room / windowMs);
    this.resetMs = windowMs - elapsed;
    if (isLook) return isAllowed;

    if (isAllowed) words[w + CURRENT] = current + cost;
    else {
      words[w + CURRENT] = current;
      if (held <= now) doubles[d + HELD] = hit.blockMs > 0 ? now + hit.blockMs : -(now + this.waitMs);
    }
    doubles[d + START] = start;
    words[w + PREVIOUS] = previous;
    return isAllowed;
  }

  refund(a: number, b: number, cost: number, now: number): void {
    const slot = this.locate(a, b, now, 0, false);
    if (slot < 0) return;
    const { words } = this.at;
    const w = slot * 8;
    const fromPrevious = Math.max(0, cost - words[w + CURRENT]);
    words[w + CURRENT] = Math.max(0, words[w + CURRENT] - cost);
    words[w + PREVIOUS] = Math.max(0, words[w + PREVIOUS] - fromPrevious);
  }

  lift(a: number, b: number, now: number): void {
    const slot = this.locate(a, b, now, 0, false);
    if (slot >= 0) this.at.claim(slot, a, b, now);
  }

  private answerNewKey({ cost, limit, windowMs, blockMs }: Hit): boolean {
    const isAllowed = cost <= limit;
    this.remaining = isAllowed ? limit - cost : limit;
    this.resetMs = windowMs;
    this.waitMs = isAllowed ? 0 : Math.max(2 * windowMs, blockMs);
    return isAllowed;
  }

  /** The slot of a key in the segment `at`; -1 where it has none and is to get none. */
  private locate(a: number, b: number, now: number, limit: number, isInsert: boolean): number {
    const index = b & (this.segments.length - 1);
    let segment = this.segments[index];
    if (segment === undefined) {
      if (!isInsert) return -1;
      segment = this.segments[index] = this.segmentOf(Math.min(SMALLEST_SEGMENT, this.largest));
    }
    this.at = segment;
    let reusable = -1;
    // There is always an empty slot, because capacity is less than the slots.
    for (let slot = a & segment.mask; ; slot = (slot + 1) & segment.mask) {
      if (segment.isEmpty(slot)) {
        if (!isInsert) return -1;
        if (reusable < 0) {
          if (segment.filled >= segment.capacity) return this.makeRoom(index, a, b, now, limit);
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

  private makeRoom(index: number, a: number, b: number, now: number, limit: number): number {
    const full = this.segments[index];
    const roomier = full && full.fullUntil <= now ? this.rebuilt(full, now, limit) : undefined;
    if (roomier) {
      this.segments[index] = roomier;
      return this.locate(a, b, now, limit, true);
    }
    if (full && full.fullUntil <= now) full.fullUntil = now + FULL_PAUSE_MS;
    this.at = this.overflow;
    if (this.overflow.isEmpty(0)) this.overflow.claim(0, 0, 0, now);
    return 0;
  }

  /** The segment without its stale keys, and larger or without its least used ones; undefined where all must stay. */
  private rebuilt(full: Segment, now: number, limit: number): Segment | undefined {
    const usage = new Uint32Array(MOST_USED + 1);
    let live = 0;
    let evictable = 0;
    for (let slot = 0; slot < full.slots; slot++) {
      if (full.isEmpty(slot) || full.isStale(slot, now, this.lifeMs)) continue;
      live++;
      if (full.isHeld(slot, now) || full.used(slot) >= limit) continue;
      evictable++;
      usage[Math.min(full.used(slot), MOST_USED)]++;
    }
    const isGrowing = full.slots < this.largest && live > full.slots * GROW_ABOVE;
    const next = this.segmentOf(isGrowing ? full.slots * 2 : full.slots);
    const isTooFull = live > next.capacity * EVICT_ABOVE;
    const surplus = isTooFull ? Math.min(evictable, live - Math.floor(next.capacity * EVICT_DOWN_TO)) : 0;
    if (live - surplus >= next.capacity) return undefined;

    // Evicted are all below the border, and of those that stand on it as many as are still too many: evenly spread, since
    // slots next to each other that all stay would become one long search.
    let border = 0;
    let onBorder = surplus;
    while (usage[border] < onBorder) onBorder -= usage[border++];
    const part = onBorder === 0 ? 0 : onBorder / usage[border];
    let due = 0;
    for (let slot = 0; slot < full.slots; slot++) {
      if (full.isEmpty(slot) || full.isStale(slot, now, this.lifeMs)) continue;
      const used = Math.min(full.used(slot), MOST_USED);
      const isEvictable = surplus > 0 && full.used(slot) < limit && !full.isHeld(slot, now);
      if (isEvictable && used === border) due += part;
      if (isEvictable && used < border) continue;
      if (isEvictable && used === border && due >= 1) due--;
      else full.copyTo(next, slot);
    }
    return next;
  }

  private segmentOf(slots: number): Segment {
    return new Segment(slots, Math.min(Math.floor(slots * MAXIMUM_LOAD), this.share));
  }
}

/** Until `cost` has room, were nothing else spent. What is larger than the limit never has; it gets the longest wait. */
export function waitFor(hit: Hit, current: number, previous: number, elapsed: number): number {
  const { cost, limit, windowMs } = hit;
  const untilNext = windowMs - elapsed;
  if (cost > limit) return windowMs + untilNext;
  if (hit.policy.isFixed) return untilNext;
  const spare = limit - current - cost;
  if (spare >= 0) {
    return previous === 0 ? 0 : Math.max(0, Math.ceil(windowMs - (spare * windowMs) / previous) - elapsed);
  }
  return untilNext + Math.max(0, Math.ceil(windowMs - ((limit - cost) * windowMs) / current));
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, atLeast))));
}
