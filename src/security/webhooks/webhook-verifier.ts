import type { ServerResponse } from 'node:http';
import { getClientAddress, routePattern, type AdapterRequest } from '../../context/index.js';
import { ProblemException, type ErrorCode } from '../../problem/index.js';
import type { SecurityReports } from '../security-reports.js';
import type { WebhookReplays } from './webhook-replays.js';
import {
  createKey,
  findValidSignature,
  getSignatureHeader,
  readDelivery,
  type SignedDelivery,
  type WebhookScheme,
} from './webhook-schemes.js';

/** The rules of one route. */
export interface WebhookRules {
  readonly scheme: WebhookScheme;
  readonly toleranceMs: number;
  readonly replayWindowMs: number;
}

/** Verifies signature, time stamp and novelty of deliveries. */
export class WebhookVerifier {
  constructor(
    private readonly reports: SecurityReports,
    private readonly replays: WebhookReplays,
  ) {}

  /**
   * @throws ProblemException `WEBHOOK_SIGNATURE_MISSING`, `WEBHOOK_SIGNATURE_INVALID`, `WEBHOOK_TIMESTAMP_INVALID` or
   * `WEBHOOK_REPLAYED`
   * @throws TypeError if a secret is unusable
   */
  async verify(
    request: AdapterRequest & { readonly rawBody: Buffer },
    response: ServerResponse,
    rules: WebhookRules,
    secrets: readonly string[],
  ): Promise<void> {
    const { scheme } = rules;
    if (secrets.length === 0) throw new TypeError(`@Webhook({ scheme: '${scheme}' }): there is no secret`);
    const keys = secrets.map((secret) => createKey(scheme, secret));
    const delivery = readDelivery(scheme, request.headers);
    if (!delivery) {
      const header = getSignatureHeader(scheme);
      const detail = `Send the signature of the body in ${header}, as the scheme ${scheme} requires.`;
      throw this.refuse('WEBHOOK_SIGNATURE_MISSING', detail, request, scheme);
    }
    const signature = findValidSignature(delivery, request.rawBody, keys);
    if (!signature) {
      const detail = 'The signature does not belong to this body and to a secret of this application.';
      throw this.refuse('WEBHOOK_SIGNATURE_INVALID', detail, request, scheme);
    }
    const ttlMs = getRemainingMs(delivery, rules);
    if (ttlMs === undefined) {
      const detail = `The time stamp differs from the time here by more than ${rules.toleranceMs / 1_000} s.`;
      throw this.refuse('WEBHOOK_TIMESTAMP_INVALID', detail, request, scheme);
    }
    const id = `${scheme}:${signature.toString('base64url')}`;
    if (!(await this.replays.claim(id, ttlMs))) {
      throw this.refuse('WEBHOOK_REPLAYED', 'This delivery was already accepted.', request, scheme);
    }
    // The provider sends a delivery again if it was not processed.
    response.once('close', () => {
      if (!response.writableFinished || response.statusCode >= 400) void this.replays.release(id);
    });
  }

  private refuse(code: ErrorCode, detail: string, request: AdapterRequest, scheme: WebhookScheme): ProblemException {
    const metadata = { code, scheme, route: `${request.method} ${routePattern(request)}` };
    this.reports.report('webhook', getClientAddress(request) ?? 'unknown', metadata);
    const isUnauthorized = code !== 'WEBHOOK_REPLAYED';
    return new ProblemException(code, detail, {
      headers: isUnauthorized ? { 'WWW-Authenticate': `Webhook-Signature scheme="${scheme}"` } : {},
    });
  }
}

/** Returns how long a delivery can still be replayed. Undefined if its time stamp is too old, or too far in the future. */
function getRemainingMs({ signedAtMs }: SignedDelivery, rules: WebhookRules): number | undefined {
  if (signedAtMs === undefined) return rules.replayWindowMs;
  const now = Date.now();
  if (Math.abs(now - signedAtMs) > rules.toleranceMs) return undefined;
  return signedAtMs + rules.toleranceMs - now + 1_000;
}
