import { currentContext } from '../context/index.js';
import type { AuditInput, AuditOutcome, AuditSeverity } from '../ports/index.js';
import type { AuditActionRegistry } from './actions.js';
import { eventId } from './event-id.js';
import type { Redaction } from './redaction.js';

/**
 * The serialized form of an event: a line of JSON in the journal. A row of `audit_events` has the same names. Undefined
 * fields are omitted.
 */
export interface AuditRecord {
  readonly id: string;
  readonly occurred_at: string;
  readonly action: string;
  readonly outcome: AuditOutcome;
  readonly severity: AuditSeverity;
  readonly actor_id: string | undefined;
  readonly tenant_id: string | undefined;
  readonly target: string | undefined;
  readonly targets: readonly string[];
  readonly request_id: string | undefined;
  readonly trace_id: string | undefined;
  readonly address: string | undefined;
  readonly user_agent: string | undefined;
  readonly route: string | undefined;
  readonly idempotency_key: string | undefined;
  readonly schema_version: number | undefined;
  readonly metadata: object;
}

const MAX_TARGETS = 100;

let cachedSecond = 0;
let cachedPrefix = '';

/** Adds caller, request data and time to an event. Returns an {@link AuditRecord} as JSON. */
export function auditLine(input: AuditInput, redaction: Redaction, actions: AuditActionRegistry): string {
  const context = currentContext();
  const { principal } = context ?? {};
  const now = Date.now();
  const targets = targetsOf(input, redaction);
  const record: Omit<AuditRecord, 'metadata'> = {
    id: eventId(now),
    occurred_at: toIsoTime(now),
    action: redaction.text(input.action),
    outcome: input.outcome,
    severity: actions.severityOf(input),
    actor_id: redaction.text(input.actorId ?? principal?.id),
    tenant_id: redaction.text(input.tenantId ?? principal?.tenantId),
    target: targets[0],
    targets,
    request_id: context?.requestId,
    trace_id: context?.traceId,
    address: redaction.text(context?.clientAddress),
    user_agent: redaction.text(context?.userAgent),
    route: redaction.text(context?.route),
    idempotency_key: redaction.text(input.idempotencyKey),
    schema_version: actions.versionOf(input.action, input.metadata ?? {}) ?? undefined,
  };
  const apiKeyId = principal?.apiKey?.id;
  const metadata = apiKeyId === undefined ? input.metadata : { ...input.metadata, apiKeyId };
  // The metadata are already JSON, because their limit is a length of JSON.
  return `${JSON.stringify(record).slice(0, -1)},"metadata":${redaction.metadata(metadata)}}`;
}

function targetsOf({ target, targets = [] }: AuditInput, redaction: Redaction): string[] {
  const all = target === undefined ? targets : [target, ...targets];
  return all.slice(0, MAX_TARGETS).map((one) => redaction.text(one));
}

/** Equals `Date.toISOString()`, but calls it only once a second, because it is slow. */
function toIsoTime(now: number): string {
  const second = Math.floor(now / 1_000);
  if (second !== cachedSecond) {
    cachedSecond = second;
    cachedPrefix = new Date(second * 1_000).toISOString().slice(0, 20);
  }
  return `${cachedPrefix}${String(now % 1_000).padStart(3, '0')}Z`;
}
