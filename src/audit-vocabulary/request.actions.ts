import { z } from 'zod';
import { action, count, names, OCSF } from './action.js';

const { api, finding } = OCSF;

const call = z.object({ status: z.int(), params: z.record(z.string(), z.string()).readonly() });

const rateLimit = z.object({
  tier: z.string(),
  /** Kind and key of the caller, such as `address:192.0.2.1`. */
  tracker: z.string(),
  limit: count,
  ttlMs: count,
  count,
  since: z.string().optional(),
  ended: z.boolean().optional(),
});

/** What guards, limits and the audit trail itself record of requests. */
export const requestActions = {
  'access.granted': action({
    description: 'AuthorizationModule let a caller in, on a route with `@AuditAccess()`.',
    owasp: 'authz_admin',
    ocsf: api.Other,
    isSecurity: false,
    metadata: z.object({ permissions: names, policies: names }),
  }),
  'access.denied': action({
    description: 'A guard refused a caller.',
    owasp: 'authz_fail',
    ocsf: api.Other,
    severity: 'WARNING',
    metadata: z.object({ reason: z.string().optional(), code: z.string().optional(), required: names.optional() }),
  }),
  'admin.action': action({
    description: 'A call of a `@Management()` route for which no other event says what was done.',
    owasp: 'authz_admin',
    ocsf: api.Update,
    metadata: call,
  }),
  'api.request': action({
    description: 'A call, by `AUDIT_API_REQUESTS`.',
    ocsf: api.Other,
    isSecurity: false,
    severity: 'INFO',
    metadata: call,
  }),
  'audit.read': action({
    description: 'Somebody read a page of the audit trail, or opened a live tail (`live`); with the filter.',
    owasp: 'sensitive_read',
    ocsf: api.Read,
    metadata: z.looseObject({ live: z.boolean().optional() }),
  }),
  'audit.export': action({
    description: 'Somebody exported the audit trail; with the filter.',
    owasp: 'sensitive_read',
    ocsf: api.Read,
    metadata: z.looseObject({ format: z.string() }),
  }),
  'rate_limit.exceeded': action({
    description:
      'ThrottlerModule began to refuse a client; a second event at the end has the count. Failed logins included.',
    owasp: 'excess_rate_limit_exceeded',
    ocsf: api.Other,
    severity: 'WARNING',
    metadata: rateLimit,
  }),
  'rate_limit.shadow_exceeded': action({
    description: 'The same for a limit in shadow mode: the client was not refused.',
    owasp: 'excess_rate_limit_exceeded',
    ocsf: api.Other,
    isSecurity: false,
    metadata: rateLimit,
  }),
  'rate_limit.lifted': action({
    description: 'An administrator unblocked a client before the end of its window.',
    owasp: 'authz_admin',
    ocsf: api.Update,
  }),
  'security.violation': action({
    description: 'A request broke a rule of SecurityModule, AuthModule or TenantsModule.',
    owasp: 'malicious_attack_tool',
    ocsf: finding.Create,
    severity: 'WARNING',
    metadata: z.looseObject({ rule: z.string().optional(), kind: z.string().optional() }),
  }),
};
