import { SUITE_ACTIONS, type SuiteAction } from '../audit-vocabulary/index.js';
import type { AuditInput, AuditSeverity } from '../ports/index.js';
import type { StandardSchemaV1 } from './standard-schema.js';

/**
 * An action and what its metadata hold. Register it with `AuditModule.forRoot({ actions })`, and declare its type by
 * merging into `AuditActions`.
 *
 * @publicApi
 */
export interface AuditActionDefinition {
  /** Dotted name: the thing, then what happened to it (`wallet.debit`). */
  readonly action: string;
  /** Raised when the metadata change their meaning. Stored with each event. */
  readonly version: number;
  /** Security events are durable, however harmless their severity. @default false */
  readonly isSecurity?: boolean;
  /** @default INFO on success, WARNING otherwise */
  readonly severity?: AuditSeverity;
  /** Checks the metadata: a zod schema, or any other Standard Schema. It must be synchronous. */
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

/** Actions of these groups are security events even where they are not registered. */
const SECURITY_GROUPS = /^(?:auth|admin|security|user)\./;

/** The registered actions of the suite and of the application. */
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

  severityOf({ action, severity, outcome }: AuditInput): AuditSeverity {
    return severity ?? this.definitions.get(action)?.severity ?? (outcome === 'success' ? 'INFO' : 'WARNING');
  }

  /**
   * Version of the schema that the metadata match; null where the action is unknown or they do not match. No event is
   * refused for its metadata, because it happened.
   */
  versionOf(action: string, metadata: unknown): number | null {
    const definition = this.definitions.get(action);
    if (!definition) return null;
    const result = definition.metadata?.['~standard'].validate(metadata);
    return result === undefined || (!(result instanceof Promise) && !result.issues) ? definition.version : null;
  }
}
