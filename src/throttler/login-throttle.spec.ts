import { ModulesContainer, Reflector } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { LoginThrottle } from './login-throttle.js';
import { MemoryStore } from './memory.store.js';
import type { Hit } from './policy.js';
import { settingsOf } from './settings.js';
import { ThrottlerService } from './throttler.service.js';

const MINUTE = 60_000;

/** Failed logins by the defaults, on counters whose clock the test sets. */
function guessing() {
  const clock = { now: 1_000_000 };
  const memory = new MemoryStore({ maxKeys: 1_000, now: () => clock.now });
  const store = { memory, consume: (hits: readonly Hit[]) => memory.consume(hits), refund: () => undefined };
  const settings = settingsOf({});
  const throttle = new LoginThrottle(
    settings,
    new ThrottlerService(settings, store as never, new Reflector(), new ModulesContainer()),
  );
  let addresses = 0;
  const isRefused = () =>
    throttle.attempt({ account: 'victim@example.com', address: `10.9.${addresses >> 8}.${addresses++ & 255}` }).then(
      () => false,
      () => true,
    );
  return { clock, isRefused };
}

describe('a client whose logins fail repeatedly', () => {
  it('waits longer each time', async () => {
    const { clock, isRefused } = guessing();
    const pauses: number[] = [];
    // Guesses as fast as it may, each time from another address, for a day.
    for (let refusedFor = 0; clock.now < 1_000_000 + 24 * 60 * MINUTE;) {
      if (await isRefused()) {
        refusedFor++;
        clock.now += MINUTE;
      } else {
        if (refusedFor > 0) pauses.push(refusedFor);
        refusedFor = 0;
      }
    }
    // Three long pauses, each longer than the one before. After each, the pause between two guesses is longer too.
    const stops = pauses.filter((pause) => pause > 15);
    expect(stops).toEqual([18, 36, 132]);
    const between = (from: number, to = 0) =>
      Math.max(...pauses.slice(pauses.indexOf(from) + 1, to ? pauses.indexOf(to) : undefined));
    expect([between(18, 36), between(36, 132), between(132)]).toEqual([3, 6, 13]);
  });

  it('has about 130 guesses a day, while one window alone would allow 480', async () => {
    const { clock, isRefused } = guessing();
    let guesses = 0;
    for (; clock.now < 1_000_000 + 24 * 60 * MINUTE; clock.now += MINUTE) while (!(await isRefused())) guesses++;
    expect(guesses).toBeGreaterThan(20);
    expect(guesses).toBeLessThanOrEqual(140);
  });
});
