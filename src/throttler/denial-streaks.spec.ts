import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DenialStreaks, type DenialStreak } from './denial-streaks.js';
import { monotonicNow, Policy, type Hit } from './policy.js';

const policy = new Policy('default', 0, 'address', '');
const hit = (key: string): Hit => ({ policy, key, cost: 1, limit: 10, windowMs: 60_000, blockMs: 0 });

describe('the refusals of a client', () => {
  let ended: DenialStreak[];
  let streaks: DenialStreaks;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance', 'Date'], now: 0 });
    ended = [];
    streaks = new DenialStreaks((streak) => ended.push(streak));
  });
  afterEach(() => {
    streaks.end();
    vi.useRealTimers();
  });

  it('are one streak until the client would have been admitted', () => {
    expect(streaks.add(hit('a'), 10_000)).toMatchObject({ id: 'default::address:a', count: 1 });
    expect(streaks.add(hit('b'), 10_000)).toBeDefined();
    vi.advanceTimersByTime(9_000);
    expect(streaks.add(hit('a'), 3_000)).toBeUndefined();
    // The client comes back a little early.
    vi.advanceTimersByTime(3_500);
    expect(streaks.add(hit('a'), 10_000)).toBeUndefined();
    vi.advanceTimersByTime(30_000);
    expect(ended).toMatchObject([{ key: 'a', count: 3, limit: 10, windowMs: 60_000 }]);
    expect(vi.getTimerCount()).toBe(0);
    expect(streaks.add(hit('a'), 10_000)).toMatchObject({ count: 1 });
  });

  it('are listed by their number, with the time at which the client is admitted', () => {
    for (const key of ['a', 'b', 'b', 'c', 'c', 'c']) streaks.add(hit(key), 10_000);
    const top = streaks.top(2);
    expect(top.map(({ key, count }) => [key, count])).toEqual([
      ['c', 3],
      ['b', 2],
    ]);
    expect(Math.round((top[0]?.until ?? 0) - monotonicNow())).toBe(10_000);
    vi.advanceTimersByTime(10_500);
    expect(streaks.top(2)).toEqual([]);
  });

  it('end when the client is admitted by hand', () => {
    streaks.add(hit('a'), 10_000);
    streaks.add(hit('a'), 10_000);
    streaks.end(streaks.get(policy.id, 'a'));
    expect(ended).toMatchObject([{ key: 'a', count: 2 }]);
    expect(streaks.get(policy.id, 'a')).toBeUndefined();
  });
});
