import type { AuditSeverity, SuiteActionGroup, SuiteAuditActions } from '../audit-vocabulary/index.js';

export type { AuditSeverity, SuiteAuditActions } from '../audit-vocabulary/index.js';

/** @publicApi */
export type AuditOutcome = 'success' | 'failure' | 'denied';

/**
 * When an event counts as recorded: `batch` when it is in memory, `durable` when it is on the local disk, `strict` when
 * it is in the database. The response is sent after the events of the request are recorded.
 *
 * @publicApi
 */
export type AuditDelivery = 'batch' | 'durable' | 'strict';

/**
 * Metadata type of each action, by the action's name. The actions of this library are in `audit-vocabulary`. An application
 * adds its own actions by declaration merging. Then `record()` checks their metadata:
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

/** An event that a module reports. Actor, address and time are added from the request. @publicApi */
export interface AuditInput<A extends string = string> {
  /** Dotted name, such as `auth.login`. */
  action: A;
  outcome: AuditOutcome;
  /** @default that of the vocabulary, else INFO on success and WARNING otherwise */
  severity?: AuditSeverity;
  /** Acting user, if it is not the request's principal (in a login, for example). */
  actorId?: string;
  /** Tenant that the event belongs to. Each tenant has its own hash chain. @default the caller's tenant */
  tenantId?: string;
  /** The object of the action, as `type:id`. */
  target?: string;
  /** All objects of the action, if there are several. Lists of events show the first one. */
  targets?: readonly string[];
  /** Only the first event with this key and tenant is stored, so that a caller can retry. */
  idempotencyKey?: string;
  /** @default AuditModule's options decide by severity and action */
  delivery?: AuditDelivery;
  metadata?: AuditMetadata<A>;
}

/**
 * Port through which modules report security-relevant events. AuditModule provides the implementation. Without
 * AuditModule, {@link NoAuditTrail} is used. The port lets auth and throttling report events without depending on
 * AuditModule.
 *
 * @publicApi
 */
export abstract class AuditTrail {
  /** Never throws and never blocks. In a request, the response is delayed until the event is recorded. */
  abstract record<A extends string>(event: AuditInput<A> & { action: AuditActionName<A> }): void;
}

/** Discards all events. */
export class NoAuditTrail extends AuditTrail {
  record(): void {}
}
