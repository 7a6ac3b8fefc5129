import { setTimeout as sleep } from 'node:timers/promises';

/** Checks a condition until it is true. Throws an error with the description if it stays false. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  { withinMs = 120_000, everyMs = 20 } = {},
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`It did not happen within ${withinMs} ms that ${what}`);
    await sleep(everyMs);
  }
}
