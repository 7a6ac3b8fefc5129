import { Injectable } from '@nestjs/common';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../ports/index.js';
import { CacheService } from './cache.service.js';

/** Memory serves without Redis, only each process for itself; so its loss degrades and takes nothing down. */
@Injectable()
@HealthCheckOf({ key: 'cache', critical: false })
export class CacheHealth implements HealthContributor {
  constructor(private readonly cache: CacheService) {}

  isActive(): boolean {
    return this.cache.shared !== undefined;
  }

  check(): HealthReport {
    return this.cache.isFallingBack
      ? { degraded: 'Redis does not answer; each process has a cache of its own.', serving: 'memory' }
      : { serving: 'memory and redis' };
  }
}
