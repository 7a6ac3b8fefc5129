import type { StandardSchemaV1 } from './standard-schema.js';

/**
 * An action and what its metadata hold. Register it with `AuditModule.forRoot({ actions })`, and declare its type by
 * merging into `AuditActions`.
 *
 * @publicApi
 */
export interface AuditActionDefinition {
  /** Dotted name: what, then what happened to it (`wallet.debit`). */
  readonly action: string;
  /** Raised whenever the metadata change their meaning; stored with each event. */
  readonly version: number;
  /** Security events are durable, however harmless their severity. @default false */
  readonly isSecurity?: boolean;
  /** Checks the metadata: a zod schema, or any other of the Standard Schema kind. It has to answer at once. */
  readonly metadata?: StandardSchemaV1;
}

/** What the suite itself reports. `api.request` and `access.granted` are of use to applications that want every call. */
export const AUDIT_VOCABULARY = [
  { action: 'auth.register', version: 1, isSecurity: true },
  { action: 'auth.login', version: 1, isSecurity: true },
  { action: 'auth.logout', version: 1, isSecurity: true },
  { action: 'auth.failed_login', version: 1, isSecurity: true },
  { action: 'auth.token_reuse', version: 1, isSecurity: true },
  { action: 'access.granted', version: 1 },
  { action: 'access.denied', version: 1, isSecurity: true },
  { action: 'workspace.switch', version: 1, isSecurity: true },
  { action: 'admin.action', version: 1, isSecurity: true },
  { action: 'api.request', version: 1 },
  { action: 'audit.read', version: 1, isSecurity: true },
  { action: 'audit.export', version: 1, isSecurity: true },
  { action: 'rate_limit.exceeded', version: 1, isSecurity: true },
  { action: 'rate_limit.lifted', version: 1, isSecurity: true },
  { action: 'security.violation', version: 1, isSecurity: true },
] as const satisfies readonly AuditActionDefinition[];

/** Actions of these groups are security events even where nobody has registered them. */
const SECURITY_GROUPS = /^(?:auth|admin|security|user)\./;

/** The actions that are known, of the suite and of the application. */
export class AuditActionRegistry {
  private readonly definitions = new Map<string, AuditActionDefinition>();

  /** @throws Error on two different definitions of one action */
  constructor(definitions: readonly AuditActionDefinition[]) {
    for (const definition of [...AUDIT_VOCABULARY, ...definitions]) {
      if (this.definitions.has(definition.action)) {
        throw new Error(`The audit action "${definition.action}" is registered twice. Give one of them another name.`);
      }
      this.definitions.set(definition.action, definition);
    }
  }

  isSecurity(action: string): boolean {
    return this.definitions.get(action)?.isSecurity ?? SECURITY_GROUPS.test(action);
  }

  /**
   * Version of the schema that the metadata keep to; null where the action is unknown or they do not. An event is never
   * refused for its metadata: it happened.
   */
  versionOf(action: string, metadata: unknown): number | null {
    const definition = this.definitions.get(action);
    if (!definition) return null;
    const result = definition.metadata?.['~standard'].validate(metadata);
    return result === undefined || (!(result instanceof Promise) && !result.issues) ? definition.version : null;
  }
}
