import type { Server, ServerResponse } from 'node:http';
import type { OnModuleInit } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { HttpAdapterHost } from '@nestjs/core';
import { currentContext, RequestHookOrder, requestPath, type RequestHooks } from '../context/index.js';
import type { InputReports } from '../ports/index.js';
import { createClientErrorListener } from './client-error.js';
import { createCorsOptions } from './cors.js';
import { hardenExpress } from './express.hardening.js';
import { hardenFastify } from './fastify.hardening.js';
import { Hardening } from './hardening.js';
import { getPathRefusal } from './path-rules.js';
import type { Header } from './response-headers.js';
import type { SecuritySettings } from './security.options.js';
import { SecurityReports } from './security-reports.js';
import { setServerTimeouts } from './server-limits.js';

/**
 * Installs the rules of SecurityModule in the HTTP adapter. The constructor installs them, because it runs before Nest
 * registers the routes. The limits of the server follow when the server exists.
 *
 * @publicApi
 */
export class HardenedHttp implements InputReports, OnModuleInit {
  private readonly hardening: Hardening;

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
    if (adapter.getType() === 'fastify') hardenFastify(adapter, this.hardening);
    else hardenExpress(adapter, this.hardening);
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

  /** Creates a listener for the `clientError` event of another server. It responds to malformed HTTP and reports it. */
  createClientErrorListener(): ReturnType<typeof createClientErrorListener> {
    return createClientErrorListener(this.getHeaders({}), (address, fault) =>
      // There is no request context, so the address is passed in the metadata.
      this.reports.report('malformed_request', address, { address, fault }),
    );
  }

  /** Reports that the current request has a parameter with a reserved name, such as `__proto__`. @internal */
  reportReservedName(): void {
    this.reports.report('reserved_keys', currentContext()?.clientAddress ?? 'unknown', { code: 'VALIDATION_FAILED' });
  }

  /** Returns the security headers of a response. The lists are computed at start. */
  getHeaders(request: object): readonly Header[] {
    return this.hardening.getHeaders(request);
  }
}
