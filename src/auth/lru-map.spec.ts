import { describe, expect, it } from 'vitest';
import { LruMap } from './lru-map.js';

describe('LruMap', () => {
  it('is bounded, and keeps entries that are used', () => {
    const map = new LruMap<number, string>(10);
    map.set(-1, 'used');
    for (let i = 0; i < 1_000; i++) {
      map.set(i, String(i));
      expect(map.get(-1)).toBe('used');
      expect(map.size).toBeLessThanOrEqual(10);
    }
    expect(map.get(1)).toBeUndefined();
    expect(map.get(999)).toBe('999');
  });

  it('deletes from both generations', () => {
    const map = new LruMap<number, number>(6);
    for (const key of [1, 2, 3]) map.set(key, key);
    map.delete(1);
    expect([map.get(1), map.get(2), map.get(3)]).toEqual([undefined, 2, 3]);
    map.set(4, 4);
    map.deleteWhere((value) => value > 2);
    expect([map.get(2), map.get(3), map.get(4)]).toEqual([2, undefined, undefined]);
    map.clear();
    expect(map.size).toBe(0);
  });
});
