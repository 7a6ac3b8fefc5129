import type { AuditSeverity, SuiteActionGroup, SuiteAuditActions } from '../audit-vocabulary/index.js';

export type { AuditSeverity, SuiteAuditActions } from '../audit-vocabulary/index.js';

/** @publicApi */
export type AuditOutcome = 'success' | 'failure' | 'denied';

/**
 * When an event counts as recorded: `batch` once it is in memory, `durable` once it is on the local disk, `strict` once
 * it is in the database. A request is answered when its events are recorded.
 *
 * @publicApi
 */
export type AuditDelivery = 'batch' | 'durable' | 'strict';

/**
 * Metadata of each action, by its name. Those of the suite are in `audit-vocabulary`. An application adds its own by
 * declaration merging, and `record()` then checks them:
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
// oxlint-disable-next-line typescript/no-empty-object-type -- an interface, so that applications can add their actions
export interface AuditActions extends SuiteAuditActions {}

/** An action with a declared type. @publicApi */
export type AuditAction = Extract<keyof AuditActions, string>;

/**
 * The name of an action: a declared one, or any name outside of the groups of the suite (`auth.`, `user.`, …), so that a
 * misspelt name of the suite fails the type check.
 *
 * @publicApi
 */
export type AuditActionName<A extends string> = A extends AuditAction
  ? A
  : A extends `${SuiteActionGroup}.${string}`
    ? never
    : A;

/** @publicApi */
export type AuditMetadata<A extends string> = A extends keyof AuditActions
  ? AuditActions[A]
  : Readonly<Record<string, unknown>>;

/** What a module reports. The audit trail adds the actor, the address and the time from the request. @publicApi */
export interface AuditInput<A extends string = string> {
  /** Dotted name, such as `auth.login`. */
  action: A;
  outcome: AuditOutcome;
  /** @default that of the vocabulary, else INFO on success and WARNING otherwise */
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
 * stands in. So auth and throttling report without depending on AuditModule.
 *
 * @publicApi
 */
export abstract class AuditTrail {
  /** Never throws and never waits. Within a request, the answer waits until the event is recorded. */
  abstract record<A extends string>(event: AuditInput<A> & { action: AuditActionName<A> }): void;
}

/** Takes events and forgets them. */
export class NoAuditTrail extends AuditTrail {
  record(): void {}
}
