import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../ports/index.js';
import { HEALTH_SETTINGS, type HealthSettings } from './health.options.js';

const NANOSECONDS_PER_MS = 1e6;
/** Long enough for hundreds of samples. With few samples, the 99th percentile is the maximum, and one pause is enough to degrade. */
const WINDOW_MS = 5_000;

/** Delay of timers, which shows how long synchronous work blocks the event loop. */
@Injectable()
@HealthCheckOf({ key: 'event-loop', critical: false, groups: ['full', 'deep'] })
export class EventLoopHealth implements HealthContributor, OnApplicationBootstrap, OnApplicationShutdown {
  private readonly delay = monitorEventLoopDelay({ resolution: 20 });
  private windowStart = 0;
  private delayP99Ms = 0;

  constructor(@Inject(HEALTH_SETTINGS) private readonly settings: HealthSettings) {}

  /** Measures only after the start. During the start, code is loaded and compiled, and no request waits. */
  onApplicationBootstrap(): void {
    this.windowStart = performance.now();
    this.delay.enable();
  }

  check(): HealthReport {
    if (performance.now() - this.windowStart >= WINDOW_MS) this.closeWindow();
    const { delayP99Ms } = this;
    return delayP99Ms > this.settings.eventLoopDelayMs
      ? { delayP99Ms, degraded: `timers are ${delayP99Ms} ms late` }
      : { delayP99Ms };
  }

  onApplicationShutdown(): void {
    this.delay.disable();
  }

  private closeWindow(): void {
    this.delayP99Ms = Math.round(this.delay.percentile(99) / NANOSECONDS_PER_MS);
    this.windowStart = performance.now();
    this.delay.reset();
  }
}
