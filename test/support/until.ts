import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for a condition instead of for a time: asks again until it holds, and fails with its name when it never does. */
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
