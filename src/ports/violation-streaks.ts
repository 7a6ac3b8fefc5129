import { Injectable, Optional, type OnModuleDestroy } from '@nestjs/common';
import { AuditTrail, NoAuditTrail } from './audit-trail.js';
import { clientNetwork, EventBudget, type LeftOut } from '../common/event-budget.js';
import { currentContext, runOutsideRequests } from '../context/request-context.js';
import { Streaks, type Streak } from '../common/streaks.js';

/** What is refused, by which rule, and from whom. */
export interface Violation {
  readonly rule: string;
  /** What the streak is of: an address, an origin. */
  readonly subject: string;
  /** Address of the client. @default that of the current request */
  readonly client?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

const MAX_STREAKS_PER_MINUTE = 60;
/** A client chooses subjects such as origins, so it has a share and not the whole. */
const MAX_STREAKS_PER_CLIENT_PER_MINUTE = 10;

/**
 * Records violations in the audit trail: the first of a streak at once, and the number of all when the streak has ended.
 * So a flood is neither a flood of events nor a memory of all clients. A client that begins too many streaks hides its
 * own violations only: what does not fit is counted by client, and the numbers are recorded at the end of the minute.
 */
@Injectable()
export class ViolationStreaks implements OnModuleDestroy {
  private readonly streaks = new Streaks<Violation>((streak) => this.recordEnd(streak));
  private readonly budget = new EventBudget({
    perMinute: MAX_STREAKS_PER_MINUTE,
    perClientPerMinute: MAX_STREAKS_PER_CLIENT_PER_MINUTE,
    onLeftOut: (leftOut) => this.recordLeftOut(leftOut),
  });

  constructor(@Optional() private readonly audit: AuditTrail = new NoAuditTrail()) {}

  add(violation: Violation): void {
    const { rule, subject, client = currentContext()?.clientAddress, metadata } = violation;
    const id = `${rule} ${subject}`;
    if (this.streaks.continue(id) || !this.budget.admit(clientNetwork(client))) return;
    this.streaks.begin(id, violation);
    this.record({ rule, ...metadata });
  }

  /** What was counted must not be lost with the process. */
  onModuleDestroy(): void {
    this.streaks.endAll();
    this.budget.flush();
  }

  private recordEnd({ value: { rule, subject, metadata }, since, count }: Streak<Violation>): void {
    const summary = { rule, ...metadata, subject, count, since: since.toISOString(), ended: true };
    // It stands for many requests, and the current one may be none of them.
    runOutsideRequests(() => this.record(summary));
  }

  private recordLeftOut({ count: unreported, clients }: LeftOut): void {
    runOutsideRequests(() => this.record({ rule: 'many', unreported, clients }));
  }

  private record(metadata: Readonly<Record<string, unknown>>): void {
    this.audit.record({ action: 'security.violation', outcome: 'denied', metadata });
  }
}
