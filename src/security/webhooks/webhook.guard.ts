import { Injectable, type CanActivate, type ExecutionContext, type OnModuleInit } from '@nestjs/common';
import { ModuleRef, Reflector } from '@nestjs/core';
import { getRequest, getResponse, type AdapterRequest } from '../../context/index.js';
import { RouteMemo } from '../../guards/index.js';
import { WEBHOOK_OPTIONS, type WebhookOptions } from './webhook.options.js';
import { WebhookVerifier, type WebhookRules } from './webhook-verifier.js';

const TOLERANCE_MS = 300_000;
const REPLAY_WINDOW_MS = 86_400_000;

/** Lets in only deliveries that the provider has signed. `@Webhook()` adds it to a route. @publicApi */
@Injectable()
export class WebhookSignatureGuard implements CanActivate, OnModuleInit {
  private verifier: WebhookVerifier | undefined;
  private readonly routes = new RouteMemo((handler) => this.readRoute(handler));

  /** @internal */
  constructor(
    private readonly reflector: Reflector,
    private readonly moduleRef: ModuleRef,
  ) {}

  /** @throws Error if SecurityModule is missing */
  onModuleInit(): void {
    try {
      this.verifier = this.moduleRef.get(WebhookVerifier, { strict: false });
    } catch (cause) {
      throw new Error(
        '@Webhook() needs SecurityModule: add SecurityModule.forRoot() to the imports of the root module',
        {
          cause,
        },
      );
    }
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { options, rules } = this.routes.get(context);
    const request = getRequest<AdapterRequest & { rawBody?: Buffer }>(context);
    const { rawBody } = request;
    if (context.getType() !== 'http' || !this.verifier || !rawBody) {
      throw new Error(
        'The guard of webhooks needs the exact bytes of an HTTP request. Use @Webhook() and SecurityModule',
      );
    }
    const { secrets } = options;
    const current = typeof secrets === 'function' ? await secrets(this.moduleRef) : secrets;
    await this.verifier.verify(Object.assign(request, { rawBody }), getResponse(context), rules, current);
    return true;
  }

  private readRoute(handler: object): { options: WebhookOptions; rules: WebhookRules } {
    const options = this.reflector.get<WebhookOptions | undefined>(WEBHOOK_OPTIONS, handler as () => unknown);
    if (!options) throw new Error('WebhookSignatureGuard needs the options of @Webhook() on its route');
    const { scheme, toleranceMs = TOLERANCE_MS, replayWindowMs = REPLAY_WINDOW_MS } = options;
    return { options, rules: { scheme, toleranceMs, replayWindowMs } };
  }
}
