import type { AuditEvent } from './audit-event.entity.js';

/**
 * What an action is to others: a name of the OWASP logging vocabulary
 * (https://cheatsheetseries.owasp.org/cheatsheets/Logging_Vocabulary_Cheat_Sheet.html) and a class and activity of OCSF
 * 1.3 (https://schema.ocsf.io).
 */
interface Meaning {
  readonly owasp: string;
  readonly classUid: number;
  readonly activityId: number;
}

const AUTHENTICATION = 3002;
const ACCOUNT_CHANGE = 3001;
const API_ACTIVITY = 6003;
const DETECTION_FINDING = 2004;
const CREATE = 1;
const READ = 2;
const UPDATE = 3;
const OTHER = 99;

const MEANINGS: Readonly<Record<string, Meaning>> = {
  'auth.register': { owasp: 'user_created', classUid: ACCOUNT_CHANGE, activityId: CREATE },
  'auth.login': { owasp: 'authn_login_success', classUid: AUTHENTICATION, activityId: 1 },
  'auth.logout': { owasp: 'session_expired', classUid: AUTHENTICATION, activityId: 2 },
  'auth.failed_login': { owasp: 'authn_login_fail', classUid: AUTHENTICATION, activityId: 1 },
  'auth.token_reuse': { owasp: 'authn_token_reuse', classUid: DETECTION_FINDING, activityId: CREATE },
  'access.granted': { owasp: 'authz_admin', classUid: API_ACTIVITY, activityId: OTHER },
  'access.denied': { owasp: 'authz_fail', classUid: API_ACTIVITY, activityId: OTHER },
  'workspace.switch': { owasp: 'authz_change', classUid: API_ACTIVITY, activityId: UPDATE },
  'admin.action': { owasp: 'authz_admin', classUid: API_ACTIVITY, activityId: UPDATE },
  'audit.read': { owasp: 'sensitive_read', classUid: API_ACTIVITY, activityId: READ },
  'audit.export': { owasp: 'sensitive_read', classUid: API_ACTIVITY, activityId: READ },
  'rate_limit.exceeded': { owasp: 'excess_rate_limit_exceeded', classUid: API_ACTIVITY, activityId: OTHER },
  'security.violation': { owasp: 'malicious_attack_tool', classUid: DETECTION_FINDING, activityId: CREATE },
};

const SEVERITY_IDS = { INFO: 1, WARNING: 3, ERROR: 4, CRITICAL: 5 } as const;

/** Name of an action in the OWASP vocabulary; undefined where it has none. @publicApi */
export function owaspNameOf(action: string): string | undefined {
  return MEANINGS[action]?.owasp;
}

/** An event as OCSF has it; an action without a class of its own is API activity. @publicApi */
export function ocsfOf(event: AuditEvent): Readonly<Record<string, unknown>> {
  const { classUid, activityId } = MEANINGS[event.action] ?? { classUid: API_ACTIVITY, activityId: OTHER };
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
