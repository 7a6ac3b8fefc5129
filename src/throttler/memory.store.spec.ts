import { describe, expect, it } from 'vitest';
import { amountOf } from '../../test/support/long-form.js';
import { randomFrom, ThrottleModel } from '../../test/support/throttle-model.js';
import { MemoryStore } from './memory.store.js';
import { Policy, type Hit } from './policy.js';

const EVENTS = amountOf('THROTTLE_TEST_EVENTS', { short: 50_000, long: 1_000_000 });
const KEYS = amountOf('THROTTLE_TEST_KEYS', { short: 200_000, long: 10_000_000 });
const LONG = { tags: 'long', timeout: 600_000 };

const policy = new Policy('default', 0, 'address', '');
const fixed = new Policy('fixed', 1, 'address', '', 'fixed-window');
const other = new Policy('other', 2, 'address', '');
const shadow = new Policy('shadow', 3, 'address', '', 'sliding-window', 'local', true);

const hit = (over: Partial<Hit> = {}): Hit => ({
  policy,
  key: 'client',
  cost: 1,
  limit: 10,
  windowMs: 60_000,
  blockMs: 0,
  ...over,
});

/** A store whose clock the test sets. */
function storeAt(start = 1_000_000, maxKeys = 10_000) {
  const clock = { now: start };
  const store = new MemoryStore({ maxKeys, now: () => clock.now });
  const times = (count: number, over: Partial<Hit> = {}) =>
    Array.from({ length: count }, () => store.consume([hit(over)]).allowed);
  return { store, clock, times };
}

describe('the counters in memory', () => {
  it(`give the same answers as the model over ${EVENTS} events, also with clocks that go back`, LONG, () => {
    const random = randomFrom(20_261_121);
    const model = new ThrottleModel();
    const { store, clock } = storeAt();
    const limits = [
      { policy, limit: 7, windowMs: 1_000, blockMs: 0 },
      { policy: fixed, limit: 5, windowMs: 700, blockMs: 0 },
      { policy: other, limit: 20, windowMs: 3_000, blockMs: 1_500 },
    ] as const;
    let [allowed, differences] = [0, 0];
    for (let i = 0; i < EVENTS; i++) {
      clock.now += random(200) === 0 ? random(4_000) : random(3);
      // The clock of a replica that is behind, or a clock that was set back.
      const skew = random(10) === 0 ? random(500) : 0;
      const key = `client ${random(12)}`;
      const limit = limits[random(3)] ?? limits[0];
      const cost = random(8) === 0 ? 1 + random(8) : 1;
      clock.now -= skew;
      const expected = model.ask(
        limit.policy.name + key,
        clock.now,
        { ...limit, cost, isFixed: limit.policy.isFixed },
        true,
      );
      const { allowed: isAllowed, verdicts } = store.consume([{ ...limit, key, cost }]);
      clock.now += skew;
      if (isAllowed) allowed++;
      if (isAllowed !== expected.allowed || verdicts[0]?.remaining !== expected.remaining) differences++;
    }
    expect(differences).toBe(0);
    expect(allowed).toBeGreaterThan(EVENTS / 10);
    expect(allowed).toBeLessThan((EVENTS * 9) / 10);
  });

  it('report the exact wait: a request is refused one millisecond earlier, and allowed then', () => {
    const random = randomFrom(7);
    const { store, clock } = storeAt();
    const model = new ThrottleModel();
    let waits = 0;
    for (let i = 0; i < 20_000; i++) {
      clock.now += random(100);
      const one = { limit: 6, windowMs: 1_000, cost: 1 + random(3), isFixed: false };
      const used = random(2) === 0 ? policy : fixed;
      const asked = { ...one, isFixed: used.isFixed };
      model.ask(used.name, clock.now, asked, true);
      const [verdict] = store.consume([hit({ ...one, policy: used })]).verdicts;
      if (!verdict || verdict.allowed) continue;
      waits++;
      expect(model.ask(used.name, clock.now + verdict.waitMs, asked, false).allowed).toBe(true);
      expect(model.ask(used.name, clock.now + verdict.waitMs - 1, asked, false).allowed).toBe(false);
    }
    expect(waits).toBeGreaterThan(1_000);
  });

  it('allow exactly the limit in the first window', () => {
    const { clock, times } = storeAt();
    expect(times(12).filter(Boolean)).toHaveLength(10);
    clock.now += 59_999;
    expect(times(3)).toEqual([false, false, false]);
  });

  it('count nothing for any policy where one of them refuses', () => {
    const { store } = storeAt();
    const both = [hit({ limit: 100 }), hit({ policy: other, limit: 1 })];
    expect(store.consume(both).allowed).toBe(true);
    for (let i = 0; i < 5; i++) expect(store.consume(both).allowed).toBe(false);
    expect(store.consume([hit({ limit: 100 })]).verdicts[0]?.remaining).toBe(98);
  });

  it('report what a shadow policy would refuse, and allow it', () => {
    const { store } = storeAt();
    const hits = [hit({ limit: 100 }), hit({ policy: shadow, limit: 1 })];
    store.consume(hits);
    const { allowed, verdicts } = store.consume(hits);
    expect(allowed).toBe(true);
    expect(verdicts.map((verdict) => verdict.allowed)).toEqual([true, false]);
    expect(verdicts[0]?.remaining).toBe(98);
  });

  it('block a client for the block duration, which further requests do not restart', () => {
    const { clock, times } = storeAt();
    times(1, { limit: 1, windowMs: 100, blockMs: 5_000 });
    expect(times(1, { limit: 1, windowMs: 100, blockMs: 5_000 })).toEqual([false]);
    clock.now += 4_999;
    expect(times(1, { limit: 1, windowMs: 100, blockMs: 5_000 })).toEqual([false]);
    clock.now += 1;
    expect(times(1, { limit: 1, windowMs: 100, blockMs: 5_000 })).toEqual([true]);
  });

  it('can be refunded and unblocked', () => {
    const { store, times } = storeAt();
    times(10);
    store.refund([hit({ cost: 2 })]);
    expect(times(3)).toEqual([true, true, false]);
    store.unblock(policy, 'client');
    expect(times(11).filter(Boolean)).toHaveLength(10);
  });

  it('are separate for each policy that counts a key', () => {
    const { times } = storeAt();
    times(10);
    expect(times(1, { policy: new Policy('default', 0, 'user', '') })).toEqual([true]);
    expect(times(1, { policy: new Policy('default', 0, 'address', 'Things.one') })).toEqual([true]);
  });

  it(`stay within the maximum under ${KEYS} keys, and keep the keys that they refuse`, LONG, () => {
    const { store, times } = storeAt(1_000_000, 20_000);
    times(11, { key: 'attacker' });
    times(9, { key: 'regular' });
    let largest = 0;
    for (let i = 0; i < KEYS; i++) {
      store.consume([hit({ key: `k${i}` })]);
      if (i % 1_000 === 0) largest = Math.max(largest, store.size);
    }
    expect(largest).toBeGreaterThan(10_000);
    expect(largest).toBeLessThanOrEqual(20_000);
    expect(store.bytes).toBeLessThan(20_000 * 100);
    expect(times(1, { key: 'attacker' })).toEqual([false]);
    expect(times(2, { key: 'regular' })).toEqual([true, false]);
  });

  it('lose no key while they grow and split', () => {
    const { store, times } = storeAt(1_000_000, 200_000);
    const keys = Array.from({ length: 60_000 }, (_, i) => `k${i}`);
    for (const key of keys) times(2, { key });
    expect(store.size).toBe(keys.length);
    const left = new Set(keys.map((key) => store.consume([hit({ key })]).verdicts[0]?.remaining));
    expect([...left]).toEqual([7]);
  });

  it('do not evict a blocked key, even if it has few hits', () => {
    const { times } = storeAt(1_000_000, 200);
    const blocked = Array.from({ length: 50 }, (_, i) => ({ key: `blocked ${i}`, limit: 1 }));
    for (const one of blocked) times(2, one);
    for (let i = 0; i < 5_000; i++) times(1, { key: `other ${i}` });
    expect(blocked.flatMap((one) => times(1, one)).filter(Boolean)).toEqual([]);
  });

  it('count all new keys together where all other keys are blocked', () => {
    const { store, times } = storeAt(1_000_000, 100);
    for (let i = 0; i < 100; i++) times(2, { key: `blocked ${i}`, limit: 1 });
    const newKeys = Array.from({ length: 30 }, (_, i) => times(1, { key: `new ${i}`, limit: 10 })).flat();
    expect(newKeys.filter(Boolean)).toHaveLength(10);
    expect(store.size).toBeLessThanOrEqual(100);
    expect(times(1, { key: 'blocked 1', limit: 1 })).toEqual([false]);
  });

  it('reuse the slots of expired keys', () => {
    const { store, clock, times } = storeAt(1_000_000, 1_000_000);
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 5_000; i++) times(1, { key: `round ${round} ${i}`, windowMs: 1_000 });
      clock.now += 10_000;
    }
    expect(store.size).toBeLessThan(40_000);
  });
});
