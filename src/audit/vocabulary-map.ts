import { OCSF, SUITE_ACTIONS, type SuiteAction } from '../audit-vocabulary/index.js';
import type { AuditEvent } from './audit-event.entity.js';

const OTHER_API_ACTIVITY = OCSF.api.Other;

const ACTIONS: Readonly<Record<string, SuiteAction<unknown>>> = SUITE_ACTIONS;

const SEVERITY_IDS = { INFO: 1, WARNING: 3, ERROR: 4, CRITICAL: 5 } as const;

/** Name of an action in the OWASP logging vocabulary; undefined if it has none. @publicApi */
export function owaspNameOf(action: string): string | undefined {
  return ACTIONS[action]?.owasp;
}

/** Converts an event to the format of OCSF 1.3. An action of the application is API activity. @publicApi */
export function ocsfOf(event: AuditEvent): Readonly<Record<string, unknown>> {
  const { classUid, activityId } = ACTIONS[event.action]?.ocsf ?? OTHER_API_ACTIVITY;
  return {
    category_uid: Math.floor(classUid / 1_000),
    class_uid: classUid,
    activity_id: activityId,
    type_uid: classUid * 100 + activityId,
    time: event.occurredAt.getTime(),
    severity_id: SEVERITY_IDS[event.severity],
    status_id: event.outcome === 'success' ? 1 : 2,
    status_detail: event.outcome,
    metadata: {
      version: '1.3.0',
      uid: event.id,
      event_code: event.action,
      correlation_uid: event.requestId,
      logged_time: event.recordedAt.getTime(),
      product: { name: 'nest-bulwark', vendor_name: 'nest-bulwark' },
      ...(event.tenantId !== null && { tenant_uid: event.tenantId }),
    },
    actor: { user: { uid: event.actorId } },
    src_endpoint: { ip: event.address },
    http_request: { user_agent: event.userAgent, url: { path: event.route } },
    api: { operation: event.action },
    resources: event.targets.map((uid) => ({ uid })),
    unmapped: { metadata: event.metadata, ...(event.traceId !== null && { trace_id: event.traceId }) },
  };
}
