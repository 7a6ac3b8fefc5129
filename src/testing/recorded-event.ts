import type { AuditMetadata, AuditOutcome, AuditSeverity } from '../ports/index.js';

/** An event of TestAuditModule. It has the members of a stored event. @publicApi */
export interface RecordedEvent<A extends string = string> {
  readonly id: string;
  readonly occurredAt: Date;
  readonly action: A;
  readonly outcome: AuditOutcome;
  readonly severity: AuditSeverity;
  readonly actorId: string | null;
  readonly tenantId: string | null;
  /** The first element of `targets`. */
  readonly target: string | null;
  readonly targets: readonly string[];
  readonly requestId: string | null;
  readonly traceId: string | null;
  readonly address: string | null;
  readonly userAgent: string | null;
  readonly route: string | null;
  readonly idempotencyKey: string | null;
  /** Null if the action has no schema, or if the metadata do not match it. */
  readonly schemaVersion: number | null;
  /** After the removal of secrets, as in the database. */
  readonly metadata: AuditMetadata<A>;
}

/** Selects the events whose members have these values. @publicApi */
export interface RecordedEventFilter<A extends string = string> {
  action?: A;
  outcome?: AuditOutcome;
  actorId?: string;
  tenantId?: string;
  target?: string;
  requestId?: string;
}
