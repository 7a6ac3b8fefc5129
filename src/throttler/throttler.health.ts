import { Injectable } from '@nestjs/common';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../ports/index.js';
import { ThrottlerStore } from './throttler.store.js';

/** Without the shared store the limits still apply, but less exactly. So its loss is reported as degraded. */
@Injectable()
@HealthCheckOf({ key: 'throttler', critical: false })
export class ThrottlerHealth implements HealthContributor {
  constructor(private readonly store: ThrottlerStore) {}

  isActive(): boolean {
    return this.store.isShared;
  }

  check(): HealthReport {
    return this.store.isFallingBack
      ? { degraded: 'The shared store does not answer. Each process counts by itself.', counting: 'local' }
      : { counting: 'shared' };
  }
}
