import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../common/index.js';
import { HEALTH_SETTINGS, type HealthSettings } from './health.options.js';

const NANOSECONDS_PER_MS = 1e6;

/** How late timers fire: the time that synchronous work keeps everything else waiting. */
@Injectable()
@HealthCheckOf({ key: 'event-loop', critical: false, groups: ['full', 'deep'] })
export class EventLoopHealth implements HealthContributor, OnApplicationShutdown {
  private readonly delay = monitorEventLoopDelay({ resolution: 20 });

  constructor(@Inject(HEALTH_SETTINGS) private readonly settings: HealthSettings) {
    this.delay.enable();
  }

  check(): HealthReport {
    const delayP99Ms = Math.round(this.delay.percentile(99) / NANOSECONDS_PER_MS);
    this.delay.reset();
    return delayP99Ms > this.settings.eventLoopDelayMs
      ? { delayP99Ms, degraded: `timers are ${delayP99Ms} ms late` }
      : { delayP99Ms };
  }

  onApplicationShutdown(): void {
    this.delay.disable();
  }
}
