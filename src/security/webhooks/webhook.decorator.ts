import { applyDecorators, SetMetadata, UseGuards } from '@nestjs/common';
import { Public } from '../../guards/index.js';
import { RawBody } from '../raw-body.js';
import { WebhookSignatureGuard } from './webhook.guard.js';
import { WEBHOOK_OPTIONS, type WebhookOptions } from './webhook.options.js';

/**
 * Marks a route that receives webhooks. The route needs no access token. It accepts only deliveries with a valid signature
 * over the exact bytes of the body, a current time stamp, and each delivery once. A delivery whose handler fails may be sent
 * again.
 *
 * @publicApi
 */
export function Webhook(options: WebhookOptions): MethodDecorator {
  return applyDecorators(
    Public(),
    RawBody(),
    SetMetadata(WEBHOOK_OPTIONS, options),
    UseGuards(WebhookSignatureGuard),
  ) as MethodDecorator;
}
