/** The time of a test, see {@link useTestClock}. @publicApi */
export interface TestClock {
  /** Lets time pass. Timers do not run for it. */
  advance(ms: number): void;
  /** Makes the clocks show the real time again. */
  restore(): void;
}

let current: TestClock | undefined;

/**
 * Makes `Date` and `performance.now()` run ahead of the real time by an amount that the test chooses. The suite reads time
 * only from these two, so rate limits, idempotency keys, cached results and tokens expire. Timers and sockets are not
 * changed, so requests over HTTP work.
 *
 * Call `restore()` after the application has been closed. An application that still runs would see time go back.
 *
 * @throws Error if a test clock is in use
 * @publicApi
 */
export function useTestClock(): TestClock {
  if (current) {
    throw new Error('A test clock is in use.\n  → call restore() of that clock first, for example in afterEach()');
  }
  const RealDate = globalThis.Date;
  const realNow = performance.now.bind(performance);
  const ownNow = Object.getOwnPropertyDescriptor(performance, 'now');
  let offsetMs = 0;
  const now = () => RealDate.now() + offsetMs;
  globalThis.Date = new Proxy(RealDate, {
    apply: () => new RealDate(now()).toString(),
    construct: (target, values, newTarget) =>
      Reflect.construct(target, values.length === 0 ? [now()] : values, newTarget) as Date,
    get: (target, name, receiver) => (name === 'now' ? now : (Reflect.get(target, name, receiver) as unknown)),
  });
  performance.now = () => realNow() + offsetMs;
  const restore = () => {
    if (current !== clock) return;
    globalThis.Date = RealDate;
    if (ownNow) Object.defineProperty(performance, 'now', ownNow);
    else Reflect.deleteProperty(performance, 'now');
    current = undefined;
  };
  const clock: TestClock = {
    advance(ms) {
      if (!(ms >= 0)) throw new RangeError(`advance() takes milliseconds from 0, not ${ms}. Time cannot go back.`);
      offsetMs += ms;
    },
    restore,
  };
  current = clock;
  return clock;
}
