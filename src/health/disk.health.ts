import { statfs } from 'node:fs/promises';
import { Inject, Injectable } from '@nestjs/common';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../ports/index.js';
import { HEALTH_SETTINGS, type HealthSettings } from './health.options.js';

/** Free space of the file system that the application writes to. */
@Injectable()
@HealthCheckOf({ key: 'disk', critical: false, cacheMs: 10_000 })
export class DiskHealth implements HealthContributor {
  constructor(@Inject(HEALTH_SETTINGS) private readonly settings: HealthSettings) {}

  async check(): Promise<HealthReport> {
    const { bavail, blocks, bsize } = await statfs(this.settings.diskPath);
    const freeShare = blocks > 0 ? bavail / blocks : 1;
    const report = { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
    return freeShare < this.settings.diskFreeThreshold
      ? { ...report, degraded: `${(freeShare * 100).toFixed(1)} % of the disk is free` }
      : report;
  }
}
