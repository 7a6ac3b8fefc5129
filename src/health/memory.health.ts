import { getHeapStatistics } from 'node:v8';
import { Inject, Injectable } from '@nestjs/common';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../ports/index.js';
import { HEALTH_SETTINGS, type HealthSettings } from './health.options.js';

/** Compares the heap with V8's limit, and the resident memory with the limit of the container (cgroup). */
@Injectable()
@HealthCheckOf({ key: 'memory', critical: false })
export class MemoryHealth implements HealthContributor {
  constructor(@Inject(HEALTH_SETTINGS) private readonly settings: HealthSettings) {}

  check(): HealthReport {
    const { heap_size_limit: heapLimitBytes } = getHeapStatistics();
    const { heapUsed: heapBytes, rss: rssBytes } = process.memoryUsage();
    const containerLimitBytes = getContainerLimitBytes();
    const share = Math.max(heapBytes / heapLimitBytes, containerLimitBytes ? rssBytes / containerLimitBytes : 0);
    const report = { heapBytes, heapLimitBytes, rssBytes, ...(containerLimitBytes && { containerLimitBytes }) };
    return share > this.settings.memoryThreshold
      ? { ...report, degraded: `${Math.round(share * 100)} % of the memory limit is in use` }
      : report;
  }
}

/** Limit of the cgroup. Without a limit, Node reports 0 or a number larger than the memory of any machine. */
function getContainerLimitBytes(): number | undefined {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < 2 ** 50 ? limit : undefined;
}
