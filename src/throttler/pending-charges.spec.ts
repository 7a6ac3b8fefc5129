import { beforeEach, describe, expect, it } from 'vitest';
import { CHARGE_ID_TTL_MS, PendingCharges } from './pending-charges.js';
import { Policy, type Hit } from './policy.js';

const policy = new Policy('default', 0, 'address', '');
const fixed = new Policy('fixed', 0, 'address', '', 'fixed-window');
const hit = (over: Partial<Hit> = {}): Hit => ({
  policy,
  key: 'client',
  cost: 1,
  limit: 10,
  windowMs: 60_000,
  blockMs: 0,
  ...over,
});

describe('charges that the shared store has not counted', () => {
  const clock = { now: 0 };
  let pending: PendingCharges;
  beforeEach(() => {
    clock.now = 1_000_000;
    pending = new PendingCharges(() => clock.now);
  });

  it('are one sum for each key, with the age of its window', () => {
    pending.add(hit(), 2);
    clock.now += 5_000;
    pending.add(hit(), 1);
    pending.add(hit({ key: 'other' }), 4);
    expect(pending.take(10)).toMatchObject([
      { key: 'client', cost: 3, ageMs: 5_000 },
      { key: 'other', cost: 4, ageMs: 0 },
    ]);
  });

  it('have the weight of the sliding window, and none after their windows have ended', () => {
    pending.add(hit(), 4);
    pending.add(hit({ policy: fixed }), 4);
    clock.now += 90_000;
    expect(pending.take(10)).toMatchObject([{ policy, cost: 2, ageMs: 30_000 }]);
    pending.add(hit({ key: 'old' }), 4);
    clock.now += 120_000;
    expect(pending.take(10).filter(({ key }) => key === 'old')).toEqual([]);
  });

  it('are zero where the hits were refunded, and negative where the store has counted them', () => {
    pending.add(hit(), 1);
    pending.add(hit(), -1);
    expect(pending.size).toBe(0);
    pending.add(hit(), -1);
    expect(pending.take(10)).toMatchObject([{ cost: -1 }]);
  });

  it('keep their id until they are confirmed, and are not sent after the id has expired', () => {
    pending.add(hit(), 1);
    const [first] = pending.take(10);
    pending.add(hit(), 1);
    const [again, next] = pending.take(10);
    expect(again).toEqual(first);
    expect(next?.id).not.toBe(first?.id);
    if (again) pending.confirm(again);
    expect(pending.take(10)).toEqual([next]);
    clock.now += CHARGE_ID_TTL_MS;
    expect(pending.take(10)).toEqual([]);
  });

  it('stay within the maximum under a flood of keys', () => {
    for (let i = 0; i < 30_000; i++) pending.add(hit({ key: `k${i}` }), 1);
    expect(pending.size).toBe(10_000);
  });
});
