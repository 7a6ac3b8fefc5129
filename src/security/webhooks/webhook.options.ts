import type { ModuleRef } from '@nestjs/core';
import type { WebhookScheme } from './webhook-schemes.js';

/** @publicApi */
export interface WebhookOptions {
  /**
   * Who signs: Stripe (`Stripe-Signature`), GitHub (`X-Hub-Signature-256`), or a sender of Standard Webhooks
   * (https://www.standardwebhooks.com: `webhook-id`, `webhook-timestamp`, `webhook-signature`).
   */
  scheme: WebhookScheme;
  /**
   * The secrets that the provider may sign with: one, or two during a rotation. A function is called for each delivery. It can
   * read them from a provider of the application: `(ref) => [ref.get(Settings, { strict: false }).stripeSecret]`.
   */
  secrets: readonly string[] | ((moduleRef: ModuleRef) => readonly string[] | Promise<readonly string[]>);
  /** How far the time stamp may differ from the time of this server, in milliseconds. GitHub sends none. @default 300000 */
  toleranceMs?: number;
  /** How long a delivery without a time stamp is remembered, to refuse a replay, in milliseconds. @default 86400000 (a day) */
  replayWindowMs?: number;
}

export const WEBHOOK_OPTIONS = Symbol('bulwark.webhook');
