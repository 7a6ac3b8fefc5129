import { Injectable } from '@nestjs/common';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../ports/index.js';
import { AuditService } from './audit.service.js';

/** Reports events that are not stored yet. They are not lost, but the sizes of memory and journal are limited. */
@Injectable()
@HealthCheckOf({ key: 'audit', critical: false, groups: ['full', 'deep'] })
export class AuditHealth implements HealthContributor {
  constructor(private readonly audit: AuditService) {}

  check(): HealthReport {
    const { isStoreDown, ...backlog } = this.audit.backlog;
    const { pending, limit, journalBytes, journalLimitBytes } = backlog;
    if (isStoreDown) return { ...backlog, degraded: 'the database does not accept events' };
    if (pending > limit / 2) return { ...backlog, degraded: 'events are recorded faster than they are stored' };
    return journalBytes > journalLimitBytes / 2
      ? { ...backlog, degraded: 'the journal is more than half full' }
      : backlog;
  }
}
