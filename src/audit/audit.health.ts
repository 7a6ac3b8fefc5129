import { Injectable } from '@nestjs/common';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../ports/index.js';
import { AuditService } from './audit.service.js';

/** Events that wait: none is lost yet, but memory and journal are bounded. */
@Injectable()
@HealthCheckOf({ key: 'audit', critical: false, groups: ['full', 'deep'] })
export class AuditHealth implements HealthContributor {
  constructor(private readonly audit: AuditService) {}

  check(): HealthReport {
    const { isStoreDown, ...backlog } = this.audit.backlog;
    const { pending, limit, journalBytes, journalLimitBytes } = backlog;
    if (isStoreDown) return { ...backlog, degraded: 'events cannot be stored and wait' };
    if (pending > limit / 2) return { ...backlog, degraded: 'events come faster than they are stored' };
    return journalBytes > journalLimitBytes / 2 ? { ...backlog, degraded: 'the journal fills up' } : backlog;
  }
}
