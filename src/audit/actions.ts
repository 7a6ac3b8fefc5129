import { SUITE_ACTIONS, type SuiteAction } from '../audit-vocabulary/index.js';
import type { AuditInput, AuditSeverity } from '../ports/index.js';
import type { StandardSchemaV1 } from './standard-schema.js';

/**
 * An action and the schema of its metadata. Register it with `AuditModule.forRoot({ actions })`. Declare its type by
 * declaration merging into `AuditActions`.
 *
 * @publicApi
 */
export interface AuditActionDefinition {
  /** Dotted name of a resource and an operation, such as `wallet.debit`. */
  readonly action: string;
  /**
   * Version of the metadata schema. Increase it when the metadata change their meaning. It is stored with each event.
   */
  readonly version: number;
  /** Whether it is a security event. Security events are at least `durable`, at every severity. @default false */
  readonly isSecurity?: boolean;
  /** @default INFO on success, WARNING otherwise */
  readonly severity?: AuditSeverity;
  /** Validates the metadata: a zod schema, or any other Standard Schema. It must be synchronous. */
  readonly metadata?: StandardSchemaV1;
}

/** Every action that the suite records. @publicApi */
export const AUDIT_VOCABULARY: readonly AuditActionDefinition[] = Object.entries<SuiteAction<unknown>>(
  SUITE_ACTIONS,
).map(([action, { version, isSecurity, severity, metadata }]) => ({
  action,
  version,
  isSecurity,
  ...(severity && { severity }),
  metadata,
}));

/** Actions of these groups are security events, even if they are not registered. */
const SECURITY_GROUPS = /^(?:auth|admin|security|user)\./;

/** The registered actions of the suite and of the application. */
export class AuditActionRegistry {
  private readonly definitions = new Map<string, AuditActionDefinition>();

  /** @throws Error if an action is defined twice */
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

  severityOf({ action, severity, outcome }: AuditInput): AuditSeverity {
    return severity ?? this.definitions.get(action)?.severity ?? (outcome === 'success' ? 'INFO' : 'WARNING');
  }

  /**
   * Returns the schema version of the action, or null if the action is unknown or the metadata do not match the schema.
   * An event with invalid metadata is recorded too, because it happened.
   */
  versionOf(action: string, metadata: unknown): number | null {
    const definition = this.definitions.get(action);
    if (!definition) return null;
    const result = definition.metadata?.['~standard'].validate(metadata);
    return result === undefined || (!(result instanceof Promise) && !result.issues) ? definition.version : null;
  }
}
