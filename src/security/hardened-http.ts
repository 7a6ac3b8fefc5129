import type { Server, ServerResponse } from 'node:http';
import type { OnApplicationBootstrap, OnModuleInit } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { HttpAdapterHost } from '@nestjs/core';
import { currentContext, RequestHookOrder, requestPath, type RequestHooks } from '../context/index.js';
import type { InputReports } from '../ports/index.js';
import { createClientErrorListener } from './client-error.js';
import { createCorsOptions } from './cors.js';
import type { ExpressBodyRules } from './express-body-rules.js';
import { hardenExpress } from './express.hardening.js';
import { hardenFastify } from './fastify.hardening.js';
import { Hardening } from './hardening.js';
import { getPathRefusal } from './path-rules.js';
import { watchRawBodyOption } from './raw-body.js';
import type { Header } from './response-headers.js';
import type { SecuritySettings } from './security.options.js';
import { SecurityReports } from './security-reports.js';
import { setServerTimeouts } from './server-limits.js';

/** A method of Nest's adapters that their interface does not declare. */
interface ParsingAdapter {
  registerParserMiddleware(): void;
}

/**
 * Installs the rules of SecurityModule in the HTTP adapter. The constructor installs them, because it runs before Nest
 * registers the routes. The limits of the server follow when the server exists.
 *
 * @publicApi
 */
export class HardenedHttp implements InputReports, OnModuleInit, OnApplicationBootstrap {
  private readonly hardening: Hardening;
  private readonly expressRules: ExpressBodyRules | undefined;

  /** @internal */
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    hooks: RequestHooks,
    private readonly settings: SecuritySettings,
    private readonly reports: SecurityReports,
  ) {
    this.hardening = new Hardening(settings, reports);
    const adapter = adapterHost.httpAdapter as AbstractHttpAdapter | undefined;
    // There is no adapter in a job or a microservice.
    if (!adapter) return;
    const setHeaders = (request: object, response: ServerResponse) => {
      for (const [name, value] of this.getHeaders(request)) response.setHeader(name, value);
    };
    hooks.add(setHeaders, { order: RequestHookOrder.ResponseHeaders });
    const checkPath = (request: { readonly url: string }) => {
      const refusal = getPathRefusal(requestPath(request.url));
      if (refusal) throw refusal;
    };
    hooks.add(checkPath, { order: RequestHookOrder.Refusal });
    if (settings.cors) adapter.enableCors(createCorsOptions(settings.cors, reports));
    // Only this module reads bodies, also if the application was not created with `bodyParser: false`.
    (adapter as unknown as ParsingAdapter).registerParserMiddleware = () => undefined;
    watchRawBodyOption(adapter, () => this.hardening.keepRawBodies());
    if (adapter.getType() === 'fastify') hardenFastify(adapter, this.hardening);
    else this.expressRules = hardenExpress(adapter, this.hardening);
  }

  onModuleInit(): void {
    const adapter = this.adapterHost.httpAdapter as AbstractHttpAdapter | undefined;
    const server = adapter?.getHttpServer() as Server | undefined;
    if (!server) return;
    setServerTimeouts(server, this.settings.timeouts);
    // The rules reject requests without Host themselves, and also the requests after them on the connection.
    Object.assign(server, { requireHostHeader: false });
    server.removeAllListeners('clientError').on('clientError', this.createClientErrorListener());
  }

  /** Sets the time limits of bodies, after the routes are registered and before the server listens. */
  onApplicationBootstrap(): void {
    const adapter = this.adapterHost.httpAdapter as AbstractHttpAdapter | undefined;
    const server = adapter?.getHttpServer() as Server | undefined;
    if (!server) return;
    const { deadlines } = this.hardening;
    for (const { timeoutMs } of this.expressRules?.getAll() ?? []) deadlines.addRoute(timeoutMs);
    deadlines.apply(server);
  }

  /** Creates a listener for the `clientError` event of another server. It responds to malformed HTTP and reports it. */
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
