import { Injectable } from '@nestjs/common';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../ports/index.js';
import { IdempotencyService } from './idempotency.service.js';

const NEARLY_FULL = 0.9;

/** Reports how full the memory for idempotency keys is. Other stores have no such limit. */
@Injectable()
@HealthCheckOf({ key: 'idempotency', critical: false })
export class IdempotencyHealth implements HealthContributor {
  constructor(private readonly idempotency: IdempotencyService) {}

  isActive(): boolean {
    return this.idempotency.memoryUsage !== undefined;
  }

  check(): HealthReport {
    const usage = this.idempotency.memoryUsage ?? { entries: 0, maxEntries: 1, bytes: 0, maxBytes: 1 };
    const filled = Math.max(usage.entries / usage.maxEntries, usage.bytes / usage.maxBytes);
    if (filled < NEARLY_FULL) return { ...usage };
    const percent = Math.floor(filled * 100);
    return {
      ...usage,
      degraded:
        `The memory for idempotency keys is ${percent} % full. When it is full, new keys are rejected. Store them in ` +
        'PostgreSQL or Redis (option store), or raise memory.maxBytes and memory.maxEntries.',
    };
  }
}
