import { Injectable } from '@nestjs/common';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../ports/index.js';
import { CacheService } from './cache.service.js';

/** Without Redis each process uses its own memory, so an outage of Redis only degrades the application. */
@Injectable()
@HealthCheckOf({ key: 'cache', critical: false })
export class CacheHealth implements HealthContributor {
  constructor(private readonly cache: CacheService) {}

  isActive(): boolean {
    return this.cache.shared !== undefined;
  }

  check(): HealthReport {
    return this.cache.isFallingBack
      ? { degraded: 'Redis does not answer. Each process uses a cache of its own.', serving: 'memory' }
      : { serving: 'memory and redis' };
  }
}
