import { Injectable } from '@nestjs/common';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../../ports/index.js';
import { AuditDigests } from '../integrity/audit.digests.js';
import { AuditMaintenance } from './audit.maintenance.js';
import { AuditScope } from './audit.scope.js';

/** Reports failed maintenance, contradictions of the digests, and missing roles. */
@Injectable()
@HealthCheckOf({ key: 'audit-store', critical: false, groups: ['full', 'deep'] })
export class AuditStoreHealth implements HealthContributor {
  constructor(
    private readonly maintenance: AuditMaintenance,
    private readonly digests: AuditDigests,
    private readonly scope: AuditScope,
  ) {}

  check(): HealthReport {
    const { isolation } = this.scope;
    const { contradiction } = this.digests;
    if (contradiction !== undefined)
      return { isolation, degraded: `the digests contradict the database: ${contradiction}` };
    const [failed] = this.maintenance.failures;
    if (failed) return { isolation, degraded: `${failed[0]}: ${failed[1]}` };
    const isOpen = !isolation.writer || !isolation.readers;
    return isOpen
      ? { isolation, degraded: 'roles are missing: events are written and read as the login' }
      : { isolation };
  }
}
