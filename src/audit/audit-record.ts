import { currentContext, type AuditInput, type AuditOutcome, type AuditSeverity } from '../common/index.js';
import type { AuditActionRegistry } from './actions.js';
import { eventId } from './event-id.js';
import type { Redaction } from './redaction.js';

/** An event as it is written: a line of JSON in the journal, and with the same names a row of `audit_events`. */
export interface AuditRecord {
  readonly id: string;
  readonly occurred_at: string;
  readonly action: string;
  readonly outcome: AuditOutcome;
  readonly severity: AuditSeverity;
  readonly actor_id: string | null;
  readonly tenant_id: string | null;
  readonly target: string | null;
  readonly targets: readonly string[];
  readonly request_id: string | null;
  readonly trace_id: string | null;
  readonly address: string | null;
  readonly user_agent: string | null;
  readonly route: string | null;
  readonly idempotency_key: string | null;
  readonly schema_version: number | null;
  readonly metadata: object;
}

const MAXIMUM_TARGETS = 100;

/** Completes what a module reports with who, where and when. */
export function auditRecord(input: AuditInput, redaction: Redaction, actions: AuditActionRegistry): AuditRecord {
  const context = currentContext();
  const now = Date.now();
  const targets = [...(input.target === undefined ? [] : [input.target]), ...(input.targets ?? [])]
    .slice(0, MAXIMUM_TARGETS)
    .map((target) => redaction.text(target) ?? '');
  return {
    id: eventId(now),
    occurred_at: new Date(now).toISOString(),
    action: redaction.text(input.action) ?? '',
    outcome: input.outcome,
    severity: severityOf(input),
    actor_id: redaction.text(input.actorId ?? context?.principal?.id),
    tenant_id: redaction.text(input.tenantId),
    target: targets[0] ?? null,
    targets,
    request_id: context?.requestId ?? null,
    trace_id: context?.traceId ?? null,
    address: redaction.text(context?.clientAddress),
    user_agent: redaction.text(context?.userAgent),
    route: redaction.text(context?.route),
    idempotency_key: redaction.text(input.idempotencyKey),
    schema_version: actions.versionOf(input.action, input.metadata ?? {}),
    metadata: redaction.metadata(input.metadata),
  };
}

export function severityOf({ severity, outcome }: AuditInput): AuditSeverity {
  return severity ?? (outcome === 'success' ? 'INFO' : 'WARNING');
}
