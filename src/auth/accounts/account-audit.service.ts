import { Injectable, Optional } from '@nestjs/common';
import { afterCommit } from '../../database/index.js';
import { AuditTrail, NoAuditTrail, type AuditAction, type AuditInput, type AuditMetadata } from '../../ports/index.js';

/** Records what users did with their own account. */
@Injectable()
export class AccountAudit {
  constructor(@Optional() private readonly audit: AuditTrail = new NoAuditTrail()) {}

  /** Records the event after the commit of the open transaction, or at once if there is none. */
  recordSuccess<A extends AuditAction>(action: A, userId: string, metadata?: AuditMetadata<A>): Promise<void> {
    const event: AuditInput<AuditAction> = {
      action,
      outcome: 'success',
      actorId: userId,
      target: `user:${userId}`,
      metadata,
    };
    return afterCommit(() => this.audit.record(event));
  }
}
