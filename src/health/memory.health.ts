import { getHeapStatistics } from 'node:v8';
import { Inject, Injectable } from '@nestjs/common';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../ports/index.js';
import { HEALTH_SETTINGS, type HealthSettings } from './health.options.js';

/** Heap against V8's limit and resident memory against the container's (cgroup) limit. */
@Injectable()
@HealthCheckOf({ key: 'memory', critical: false })
export class MemoryHealth implements HealthContributor {
  constructor(@Inject(HEALTH_SETTINGS) private readonly settings: HealthSettings) {}

  check(): HealthReport {
    const { heap_size_limit: heapLimitBytes } = getHeapStatistics();
    const { heapUsed: heapBytes, rss: rssBytes } = process.memoryUsage();
    const containerLimitBytes = containerLimit();
    const share = Math.max(heapBytes / heapLimitBytes, containerLimitBytes ? rssBytes / containerLimitBytes : 0);
    const report = { heapBytes, heapLimitBytes, rssBytes, ...(containerLimitBytes && { containerLimitBytes }) };
    return share > this.settings.memoryThreshold
      ? { ...report, degraded: `${Math.round(share * 100)} % of the memory limit is in use` }
      : report;
  }
}

/** The cgroup's limit; without one Node reports 0 or a number beyond any machine's memory. */
function containerLimit(): number | undefined {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < 2 ** 50 ? limit : undefined;
}
