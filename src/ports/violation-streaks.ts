import { Injectable, Optional, type OnModuleDestroy } from '@nestjs/common';
import { AuditTrail, NoAuditTrail } from './audit-trail.js';
import { clientNetwork, EventBudget, type DroppedEvents } from '../common/event-budget.js';
import { currentContext, runOutsideRequests } from '../context/request-context.js';
import { Streaks, type Streak } from '../common/streaks.js';

/** A refused request: the rule that refused it, and the client. */
export interface Violation {
  readonly rule: string;
  /** What violates the rule, such as an address or an origin. Each subject has its own streak. */
  readonly subject: string;
  /** Address of the client. @default that of the current request */
  readonly client?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

const MAX_STREAKS_PER_MINUTE = 60;
/** A client can choose subjects such as origins, so one client must not use up the limit of all clients. */
const MAX_STREAKS_PER_CLIENT_PER_MINUTE = 10;

/**
 * Records violations in the audit trail: the first violation of a streak at once, and the number of violations when the
 * streak has ended. So a flood of violations does not cause a flood of events, and memory stays bounded. A client that
 * begins too many streaks hides only its own violations: events over the limit are counted by client, and the counts are
 * recorded at the end of the minute.
 *
 * @publicApi
 */
@Injectable()
export class ViolationStreaks implements OnModuleDestroy {
  private readonly streaks = new Streaks<Violation>((streak) => this.recordEnd(streak));
  private readonly budget = new EventBudget({
    perMinute: MAX_STREAKS_PER_MINUTE,
    perClientPerMinute: MAX_STREAKS_PER_CLIENT_PER_MINUTE,
    onDropped: (dropped) => this.recordDropped(dropped),
  });

  constructor(@Optional() private readonly audit: AuditTrail = new NoAuditTrail()) {}

  add(violation: Violation): void {
    const { rule, subject, client = currentContext()?.clientAddress, metadata } = violation;
    const id = `${rule} ${subject}`;
    if (this.streaks.continue(id) || !this.budget.admit(clientNetwork(client))) return;
    this.streaks.begin(id, violation);
    this.record({ rule, ...metadata });
  }

  /** Records the counts before the process ends. */
  onModuleDestroy(): void {
    this.streaks.endAll();
    this.budget.flush();
  }

  private recordEnd({ value: { rule, subject, metadata }, since, count }: Streak<Violation>): void {
    const summary = { rule, ...metadata, subject, count, since: since.toISOString(), ended: true };
    // The event summarizes many requests, so it must not carry the context of the current request.
    runOutsideRequests(() => this.record(summary));
  }

  private recordDropped({ count: unreported, clients }: DroppedEvents): void {
    runOutsideRequests(() => this.record({ rule: 'many', unreported, clients }));
  }

  private record(metadata: Readonly<Record<string, unknown>>): void {
    this.audit.record({ action: 'security.violation', outcome: 'denied', metadata });
  }
}
