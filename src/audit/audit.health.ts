import { Injectable } from '@nestjs/common';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../common/index.js';
import { AuditService } from './audit.service.js';

/** Events that wait: none is lost yet, but memory is bounded. */
@Injectable()
@HealthCheckOf({ key: 'audit', critical: false, groups: ['full', 'deep'] })
export class AuditHealth implements HealthContributor {
  constructor(private readonly audit: AuditService) {}

  check(): HealthReport {
    const { pending, limit, isStoreDown } = this.audit.backlog;
    if (isStoreDown) return { pending, limit, degraded: 'events cannot be stored and wait in memory' };
    return pending > limit / 2
      ? { pending, limit, degraded: 'events come faster than they are stored' }
      : { pending, limit };
  }
}
