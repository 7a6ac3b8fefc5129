import { Injectable } from '@nestjs/common';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../ports/index.js';
import { ThrottlerStore } from './throttler.store.js';

/** Limits hold without the shared store too, only less exactly; so its loss degrades and takes nothing down. */
@Injectable()
@HealthCheckOf({ key: 'throttler', critical: false })
export class ThrottlerHealth implements HealthContributor {
  constructor(private readonly store: ThrottlerStore) {}

  isActive(): boolean {
    return this.store.isShared;
  }

  check(): HealthReport {
    return this.store.isFallingBack
      ? { degraded: 'The shared store does not answer; limits are counted by each process.', counting: 'local' }
      : { counting: 'shared' };
  }
}
