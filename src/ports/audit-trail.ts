/** @publicApi */
export type AuditOutcome = 'success' | 'failure' | 'denied';

/** @publicApi */
export type AuditSeverity = 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL';

/**
 * When an event counts as recorded: `batch` once it is in memory, `durable` once it is on the local disk, `strict` once
 * it is in the database. A request is answered when its events are recorded.
 *
 * @publicApi
 */
export type AuditDelivery = 'batch' | 'durable' | 'strict';

/**
 * Metadata of each action, by its name. An application adds its own by declaration merging, and `record()` then checks
 * them:
 *
 * ```ts
 * declare module 'nest-bulwark/ports' {
 *   interface AuditActions {
 *     'wallet.debit': { amount: number; currency: string };
 *   }
 * }
 * ```
 *
 * @publicApi
 */
// oxlint-disable-next-line typescript/no-empty-object-type -- applications add their actions to it by declaration merging
export interface AuditActions {}

/** @publicApi */
export type AuditMetadata<A extends string> = A extends keyof AuditActions
  ? AuditActions[A]
  : Readonly<Record<string, unknown>>;

/** What a module reports; who, where and when are filled in from the request. @publicApi */
export interface AuditInput<A extends string = string> {
  /** Dotted name, such as `auth.login`. */
  action: A;
  outcome: AuditOutcome;
  /** @default INFO on success, WARNING otherwise */
  severity?: AuditSeverity;
  /** Acting user, where it is not the request's principal (a login, for example). */
  actorId?: string;
  /** Tenant that the event belongs to; each has a chain of its own. @default the caller's */
  tenantId?: string;
  /** What was acted upon, as `type:id`. */
  target?: string;
  /** All that was acted upon, where it is more than one thing. The first stands for them in lists. */
  targets?: readonly string[];
  /** Of events with the same key and tenant, the first is kept: for callers that try again. */
  idempotencyKey?: string;
  /** @default by severity and action, as AuditModule is set up */
  delivery?: AuditDelivery;
  metadata?: AuditMetadata<A>;
}

/**
 * Where modules report security-relevant events. AuditModule binds it to its store; without it {@link NoAuditTrail}
 * stands in. It stands in `common` so that auth and throttling can report without depending on AuditModule.
 *
 * @publicApi
 */
export abstract class AuditTrail {
  /** Never throws and never waits. Within a request, the answer waits until the event is recorded. */
  abstract record<A extends string>(event: AuditInput<A>): void;
}

/** Takes events and forgets them. */
export class NoAuditTrail extends AuditTrail {
  record(): void {}
}
