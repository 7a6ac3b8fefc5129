import type { Server, ServerResponse } from 'node:http';
import type { OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import { currentContext } from '../context/index.js';
import { createClientErrorListener } from './client-error.js';
import { createCorsOptions } from './cors.js';
import type { ExpressBodyRules } from './express-body-rules.js';
import { hardenExpress } from './express.hardening.js';
import { hardenFastify } from './fastify.hardening.js';
import { Hardening } from './hardening.js';
import { watchRawBodyOption } from './raw-body.js';
import type { Header } from './response-headers.js';
import type { SecuritySettings } from './security.options.js';
import { SecurityReports } from './security-reports.js';

type HookResponse = ServerResponse | { readonly raw: ServerResponse };

/** A method of Nest's adapters that their interface does not declare. */
interface HookableAdapter {
  setOnRequestHook(hook: (request: object, response: HookResponse, done: () => void) => void): void;
  registerParserMiddleware(): void;
}

/**
 * Installs the rules of SecurityModule in the HTTP adapter. The constructor installs them, because it runs before Nest
 * registers the routes.
 *
 * @publicApi
 */
export class HardenedHttp implements OnApplicationBootstrap {
  private readonly hardening: Hardening;
  private readonly expressRules: ExpressBodyRules | undefined;

  /** @internal */
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly settings: SecuritySettings,
    private readonly reports: SecurityReports,
  ) {
    this.hardening = new Hardening(settings, reports);
    const adapter = adapterHost.httpAdapter as AbstractHttpAdapter | undefined;
    // There is no adapter in a job or a microservice.
    if (!adapter) return;
    // The adapter has only one such hook. If the request pipeline is used, it replaces this hook and sets the headers too.
    (adapter as unknown as HookableAdapter).setOnRequestHook((request, response, done) => {
      const raw = 'raw' in response ? response.raw : response;
      for (const [name, value] of this.getHeaders(request)) raw.setHeader(name, value);
      done();
    });
    if (settings.cors) adapter.enableCors(createCorsOptions(settings.cors, reports));
    // Only this module reads bodies, also if the application was not created with `bodyParser: false`.
    (adapter as unknown as HookableAdapter).registerParserMiddleware = () => undefined;
    watchRawBodyOption(adapter, () => this.hardening.keepRawBodies());
    if (adapter.getType() === 'fastify') hardenFastify(adapter, this.hardening);
    else this.expressRules = hardenExpress(adapter, this.hardening);
  }

  /** Sets the time limits of bodies, after the routes are registered and before the server listens. @internal */
  onApplicationBootstrap(): void {
    const adapter = this.adapterHost.httpAdapter as AbstractHttpAdapter | undefined;
    if (!adapter) return;
    const { deadlines } = this.hardening;
    for (const { timeoutMs } of this.expressRules?.getAll() ?? []) deadlines.addRoute(timeoutMs);
    deadlines.apply(adapter.getHttpServer() as Server, this.settings.requestTimeoutMs);
  }

  /** Creates a listener for the server's `clientError` event. It responds to malformed HTTP and reports it. */
  createClientErrorListener(): ReturnType<typeof createClientErrorListener> {
    return createClientErrorListener(this.getHeaders({}), (address, fault) =>
      // There is no request context, so the address is passed in the metadata.
      this.reports.report('malformed_request', address, { address, fault }),
    );
  }

  /** Reports that the current request has a parameter with a reserved name, such as `__proto__`. */
  reportReservedName(): void {
    this.reports.report('reserved_keys', currentContext()?.clientAddress ?? 'unknown', { code: 'VALIDATION_FAILED' });
  }

  /** Returns the security headers of a response. The lists are computed at start. */
  getHeaders(request: object): readonly Header[] {
    return this.hardening.getHeaders(request);
  }
}
