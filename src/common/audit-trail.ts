/** @publicApi */
export type AuditOutcome = 'success' | 'failure' | 'denied';

/** @publicApi */
export type AuditSeverity = 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL';

/** What a module reports; who, where and when are filled in from the request. @publicApi */
export interface AuditInput {
  /** Dotted name, such as `auth.login`. */
  action: string;
  outcome: AuditOutcome;
  /** @default INFO on success, WARNING otherwise */
  severity?: AuditSeverity;
  /** Acting user, where it is not the request's principal (a login, for example). */
  actorId?: string;
  /** What was acted upon, as `type:id`. */
  target?: string;
  metadata?: Readonly<Record<string, unknown>>;
}

/**
 * Where modules report security-relevant events. AuditModule binds it to its store; without it {@link NoAuditTrail}
 * stands in. It stands in `common` so that auth and throttling can report without depending on AuditModule.
 *
 * @publicApi
 */
export abstract class AuditTrail {
  /** Never throws and never waits for the store. */
  abstract record(event: AuditInput): void;
}

/** Takes events and forgets them. */
export class NoAuditTrail extends AuditTrail {
  record(): void {}
}
