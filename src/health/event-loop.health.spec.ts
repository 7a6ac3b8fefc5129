import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventLoopHealth } from './event-loop.health.js';
import { healthSettings } from './health.options.js';

const LIMIT_MS = 100;
const PAUSE_MS = 250;
const WINDOW_MS = 5_000;

describe('the health of the event loop', () => {
  let now: number;
  let health: EventLoopHealth;
  beforeEach(() => {
    now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    health = new EventLoopHealth(healthSettings({ eventLoopDelayMs: LIMIT_MS }));
  });
  afterEach(() => {
    health.onApplicationShutdown();
    vi.restoreAllMocks();
  });

  /** Lets no timer fire for so long that the next is too late by several times the limit; then all that are due fire. */
  const pause = async () => {
    const end = Date.now() + PAUSE_MS;
    while (Date.now() < end);
    await sleep(1);
    await immediate();
  };

  /** The first time that the sampler's timer fires is what the second is compared with. */
  const pauseInWindow = async () => {
    health.onApplicationBootstrap();
    await pause();
    await pause();
  };

  it('is impaired when timers have been late, and well again after a window in which they were not', async () => {
    await pauseInWindow();
    now += WINDOW_MS;
    expect(health.check()).toEqual({ delayP99Ms: expect.any(Number), degraded: expect.stringMatching(/ms late$/) });
    now += WINDOW_MS;
    expect(health.check()).toEqual({ delayP99Ms: 0 });
  });

  it('is judged by whole windows, so that one pause is no impairment', async () => {
    await pauseInWindow();
    expect(health.check()).toEqual({ delayP99Ms: 0 });
    now += WINDOW_MS - 1;
    expect(health.check()).toEqual({ delayP99Ms: 0 });
  });

  it('does not count what held the start up', async () => {
    await pause();
    await pause();
    health.onApplicationBootstrap();
    now += WINDOW_MS;
    expect(health.check()).not.toHaveProperty('degraded');
  });
});
