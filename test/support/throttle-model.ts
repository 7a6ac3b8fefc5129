/** The expected behaviour of a limit, written for clarity: whole numbers, and a log of hits instead of two counters. */
export class ThrottleModel {
  private readonly keys = new Map<
    string,
    { start: number; hits: { window: number; cost: number }[]; heldUntil: number }
  >();

  /** Whether a request is allowed at `now`, and what is left after it. It is only counted if `consume` is set. */
  ask(
    key: string,
    now: number,
    { limit, windowMs, cost, blockMs = 0, isFixed = false }: ModelLimit,
    consume: boolean,
  ): { allowed: boolean; remaining: number } {
    const state = this.keys.get(key) ?? { start: now, hits: [], heldUntil: 0 };
    // The window that contains `now`. A clock that was set back stays in the last window.
    const passed = Math.max(0, Math.floor((now - state.start) / windowMs));
    const then = state.start + passed * windowMs;
    const hits = state.hits.filter((hit) => hit.window >= then - (isFixed ? 0 : windowMs));
    // If no hit is counted, a new window begins.
    const window = hits.length === 0 || (isFixed && passed > 0) ? now : then;
    const elapsed = Math.max(0, now - window);
    const sum = (of: number) => hits.filter((hit) => hit.window === of).reduce((total, hit) => total + hit.cost, 0);
    const current = BigInt(sum(window));
    const previous = isFixed ? 0n : BigInt(sum(window - windowMs));
    const width = BigInt(windowMs);
    // In units of one request divided by the width of the window.
    const room = (BigInt(limit) - current) * width - previous * (width - BigInt(elapsed));
    const isHeld = state.heldUntil > now;
    const allowed = !isHeld && BigInt(cost) * width <= room;
    if (consume) {
      const heldUntil = !allowed && !isHeld && blockMs > 0 ? now + blockMs : state.heldUntil;
      this.keys.set(key, { start: window, hits: allowed ? [...hits, { window, cost }] : hits, heldUntil });
    }
    const left = room - (allowed ? BigInt(cost) * width : 0n);
    return { allowed, remaining: isHeld || left <= 0n ? 0 : Number(left / width) };
  }
}

export interface ModelLimit {
  limit: number;
  windowMs: number;
  cost: number;
  blockMs?: number;
  isFixed?: boolean;
}

/** Pseudo-random numbers, the same in every run (mulberry32). */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}
