import { z } from 'zod';

/** @publicApi */
export type AuditSeverity = 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL';

/** Class and activity of OCSF 1.3 (https://schema.ocsf.io/1.3.0). @publicApi */
export interface OcsfType {
  readonly classUid: number;
  readonly className: string;
  readonly activityId: number;
  readonly activityName: string;
}

function ocsfClass<Activity extends string>(
  classUid: number,
  className: string,
  activities: Readonly<Record<Activity, number>>,
): Readonly<Record<Activity, OcsfType>> {
  const types = Object.entries<number>(activities).map(([activityName, activityId]) => [
    activityName,
    { classUid, className, activityId, activityName },
  ]);
  return Object.fromEntries(types) as Record<Activity, OcsfType>;
}

/** The activities that the suite uses, by class. */
export const OCSF = {
  finding: ocsfClass(2004, 'Detection Finding', { Create: 1 }),
  account: ocsfClass(3001, 'Account Change', {
    Create: 1,
    Enable: 2,
    'Password Change': 3,
    'Password Reset': 4,
    Disable: 5,
    Delete: 6,
    Lock: 9,
    'MFA Factor Enable': 10,
    'MFA Factor Disable': 11,
    Other: 99,
  }),
  authentication: ocsfClass(3002, 'Authentication', { Logon: 1, Logoff: 2 }),
  access: ocsfClass(3005, 'User Access Management', { Other: 99 }),
  group: ocsfClass(3006, 'Group Management', { 'Add User': 3, 'Remove User': 4, Delete: 5, Create: 6 }),
  api: ocsfClass(6003, 'API Activity', { Create: 1, Read: 2, Update: 3, Delete: 4, Other: 99 }),
};

/** The names of the OWASP logging vocabulary that the suite uses. */
type OwaspName =
  | 'authn_login_fail'
  | 'authn_login_lock'
  | 'authn_login_success'
  | 'authn_password_change'
  | 'authn_token_created'
  | 'authn_token_reuse'
  | 'authn_token_revoked'
  | 'authz_admin'
  | 'authz_change'
  | 'authz_fail'
  | 'excess_rate_limit_exceeded'
  | 'malicious_attack_tool'
  | 'privilege_permissions_changed'
  | 'sensitive_create'
  | 'sensitive_delete'
  | 'sensitive_read'
  | 'session_expired'
  | 'user_archived'
  | 'user_created'
  | 'user_deleted'
  | 'user_updated';

/** One action of the suite, as it is declared. */
interface Declaration<Metadata> {
  /** What happened, and who records it where that is not obvious. */
  readonly description: string;
  /**
   * Name in https://cheatsheetseries.owasp.org/cheatsheets/Logging_Vocabulary_Cheat_Sheet.html; none where OWASP names
   * nothing like it.
   */
  readonly owasp?: OwaspName;
  readonly ocsf: OcsfType;
  /** Raised when the metadata change their meaning. @default 1 */
  readonly version?: number;
  /** Security events are durable. @default true */
  readonly isSecurity?: boolean;
  /** @default INFO on success, WARNING otherwise */
  readonly severity?: AuditSeverity;
  /** @default no metadata */
  readonly metadata?: z.ZodType<Metadata>;
}

/** @publicApi */
export interface SuiteAction<Metadata> {
  readonly description: string;
  readonly owasp: OwaspName | undefined;
  readonly ocsf: OcsfType;
  readonly version: number;
  readonly isSecurity: boolean;
  readonly severity: AuditSeverity | undefined;
  readonly metadata: z.ZodType<Metadata>;
}

const NO_METADATA = z.object({});

export function action<Metadata = Readonly<Record<string, never>>>({
  description,
  owasp,
  ocsf,
  version = 1,
  isSecurity = true,
  severity,
  metadata = NO_METADATA as unknown as z.ZodType<Metadata>,
}: Declaration<Metadata>): SuiteAction<Metadata> {
  return { description, owasp, ocsf, version, isSecurity, severity, metadata };
}

/** Names of roles, permissions and the like. */
export const names = z.array(z.string()).readonly();

export const count = z.int().nonnegative();
