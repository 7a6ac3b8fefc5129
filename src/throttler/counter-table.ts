import { CURRENT, HELD, PREVIOUS, START } from './counter-segment.js';
import type { Hit } from './policy.js';
import { SegmentDirectory } from './segment-directory.js';

/**
 * The counters of one tier, in memory. `take()` writes its answer to the fields, so that the hot path creates no objects.
 *
 * @see counter-segment.ts for the layout, segment-directory.ts for growth and eviction
 */
export class CounterTable {
  remaining = 0;
  resetMs = 0;
  waitMs = 0;
  private readonly keys: SegmentDirectory;

  /** @param maxKeys maximum number of keys with their own counter */
  constructor(maxKeys: number) {
    this.keys = new SegmentDirectory(maxKeys);
  }

  /** Keys that have a counter, including expired ones. */
  get size(): number {
    return this.keys.size;
  }

  get bytes(): number {
    return this.keys.bytes;
  }

  /** Whether a hit is allowed. An allowed hit is consumed, unless `isPeek`. */
  take(a: number, b: number, hit: Hit, now: number, isPeek: boolean): boolean {
    const { cost, limit, windowMs } = hit;
    const { isFixed } = hit.policy;
    const { keys } = this;
    if (windowMs * 2 > keys.lifeMs) keys.lifeMs = windowMs * 2;
    const slot = keys.locate(a, b, now, limit, !isPeek);
    if (slot < 0) return this.answerNewKey(hit);
    const { doubles, words } = keys.at;
    const d = slot * 4;
    const w = slot * 8;
    let start = doubles[d + START];
    const held = doubles[d + HELD];
    let current = words[w + CURRENT];
    let previous = words[w + PREVIOUS];

    // A clock that goes back must not make a window longer.
    let elapsed = now > start ? now - start : 0;
    if (elapsed >= windowMs) {
      const isNextWindow = !isFixed && elapsed < 2 * windowMs;
      previous = isNextWindow ? current : 0;
      current = 0;
      start = isNextWindow ? start + windowMs : now;
      elapsed = now - start;
    }
    // The window begins with its first hit. A refused request is not a hit.
    if (current === 0 && previous === 0) {
      start = now;
      elapsed = 0;
    }
    // Multiplied by windowMs, so that the arithmetic stays in whole numbers.
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
    if (isPeek) return isAllowed;

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
    const slot = this.keys.locate(a, b, now, 0, false);
    if (slot < 0) return;
    const { words } = this.keys.at;
    const w = slot * 8;
    const fromPrevious = Math.max(0, cost - words[w + CURRENT]);
    words[w + CURRENT] = Math.max(0, words[w + CURRENT] - cost);
    words[w + PREVIOUS] = Math.max(0, words[w + PREVIOUS] - fromPrevious);
  }

  unblock(a: number, b: number, now: number): void {
    const slot = this.keys.locate(a, b, now, 0, false);
    if (slot >= 0) this.keys.at.claim(slot, a, b, now);
  }

  private answerNewKey({ cost, limit, windowMs, blockMs }: Hit): boolean {
    const isAllowed = cost <= limit;
    this.remaining = isAllowed ? limit - cost : limit;
    this.resetMs = windowMs;
    this.waitMs = isAllowed ? 0 : Math.max(2 * windowMs, blockMs);
    return isAllowed;
  }
}

/**
 * The time until `cost` has room, if nothing else is consumed. A cost above the limit never has room; its wait is the
 * longest one.
 */
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
