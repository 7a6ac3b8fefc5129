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

  /** Blocks the event loop for longer than the limit, so that timers fire late. Then all due timers fire. */
  const pause = async () => {
    const end = Date.now() + PAUSE_MS;
    while (Date.now() < end);
    await sleep(1);
    await immediate();
  };

  /** The delay histogram compares two timer events, so it needs two pauses. */
  const pauseInWindow = async () => {
    health.onApplicationBootstrap();
    await pause();
    await pause();
  };

  it('is degraded after a window with late timers, and up after a window without', async () => {
    await pauseInWindow();
    now += WINDOW_MS;
    expect(health.check()).toEqual({ delayP99Ms: expect.any(Number), degraded: expect.stringMatching(/ms late$/) });
    now += WINDOW_MS;
    expect(health.check()).toEqual({ delayP99Ms: 0 });
  });

  it('changes only at the end of a window, so that one pause does not degrade it', async () => {
    await pauseInWindow();
    expect(health.check()).toEqual({ delayP99Ms: 0 });
    now += WINDOW_MS - 1;
    expect(health.check()).toEqual({ delayP99Ms: 0 });
  });

  it('ignores pauses before the application has started', async () => {
    await pause();
    await pause();
    health.onApplicationBootstrap();
    now += WINDOW_MS;
    expect(health.check()).not.toHaveProperty('degraded');
  });
});
