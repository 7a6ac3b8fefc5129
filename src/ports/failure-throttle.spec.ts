import { describe, expect, it } from 'vitest';
import { FailureThrottle, type FailureSubject } from './failure-throttle.js';

/** Counts the failures of all accounts. */
class Counter extends FailureThrottle {
  failures = 0;

  async attempt(): Promise<() => Promise<void>> {
    this.failures++;
    return async () => void this.failures--;
  }
}

const SUBJECT: FailureSubject = { account: 'ann@example.com' };

describe('an attempt', () => {
  it('counts as a failure if it resolves to undefined', async () => {
    const throttle = new Counter();
    expect(await throttle.countFailure(SUBJECT, async () => undefined)).toBeUndefined();
    expect(throttle.failures).toBe(1);
  });

  it('counts from its start, and does not count after a success', async () => {
    const throttle = new Counter();
    expect(await throttle.countFailure(SUBJECT, async () => throttle.failures)).toBe(1);
    expect(throttle.failures).toBe(0);
  });

  it('does not count if it throws, because then nothing was checked', async () => {
    const throttle = new Counter();
    const run = () => throttle.countFailure(SUBJECT, () => Promise.reject(new Error('no database')));
    await expect(run()).rejects.toThrow('no database');
    expect(throttle.failures).toBe(0);
  });
});
