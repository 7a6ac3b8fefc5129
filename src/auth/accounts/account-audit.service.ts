import { Injectable, Optional } from '@nestjs/common';
import { afterCommit } from '../../database/index.js';
import { AuditTrail, NoAuditTrail } from '../../ports/index.js';

/** Records what users did with their own account. */
@Injectable()
export class AccountAudit {
  constructor(@Optional() private readonly audit: AuditTrail = new NoAuditTrail()) {}

  /** Records the event after the commit of the open transaction, or at once if there is none. */
  recordSuccess(action: string, userId: string, metadata?: Record<string, unknown>): Promise<void> {
    const event = { action, outcome: 'success', actorId: userId, target: `user:${userId}`, metadata } as const;
    return afterCommit(() => this.audit.record(event));
  }
}
