import type { ServerResponse } from 'node:http';
import { HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import { currentContext } from '../context/index.js';
import { answerClientError } from './client-error.js';
import { corsOptionsOf } from './cors.js';
import { hardenExpress } from './express.hardening.js';
import { hardenFastify } from './fastify.hardening.js';
import { Hardening } from './hardening.js';
import type { Header } from './response-headers.js';
import type { SecuritySettings } from './security.options.js';
import { SecurityReports } from './security-reports.js';

type HookResponse = ServerResponse | { readonly raw: ServerResponse };

/** Where Nest's adapters take more than their interface says. */
interface HookableAdapter {
  setOnRequestHook(hook: (request: object, response: HookResponse, done: () => void) => void): void;
}

/**
 * Installs the rules as soon as it is made, which is before Nest registers routes.
 *
 * @publicApi
 */
export class HardenedHttp {
  private readonly hardening: Hardening;

  constructor(
    adapterHost: HttpAdapterHost,
    settings: SecuritySettings,
    private readonly reports: SecurityReports,
  ) {
    this.hardening = new Hardening(settings, reports);
    const adapter = adapterHost.httpAdapter as AbstractHttpAdapter | undefined;
    // A context without HTTP, such as a job or a microservice.
    if (!adapter) return;
    // The adapter has one such hook. The request pipeline, where there is one, takes it over, with the headers.
    (adapter as unknown as HookableAdapter).setOnRequestHook((request, response, done) => {
      const raw = 'raw' in response ? response.raw : response;
      for (const [name, value] of this.headersOf(request)) raw.setHeader(name, value);
      done();
    });
    if (settings.cors) adapter.enableCors(corsOptionsOf(settings.cors, reports));
    if (adapter.getType() === 'fastify') hardenFastify(adapter, this.hardening);
    else hardenExpress(adapter, this.hardening);
  }

  /** Listener of the server's `clientError`: answers what is not HTTP, and reports it. */
  clientErrorListener(): ReturnType<typeof answerClientError> {
    return answerClientError(this.headersOf({}), (address, fault) =>
      // There is no request whose address would be known otherwise.
      this.reports.refused('malformed_request', address, { address, fault }),
    );
  }

  /** A parameter of the current request bears a name that every object inherits. */
  reservedNameRefused(): void {
    this.reports.refused('reserved_keys', currentContext()?.clientAddress ?? 'unknown', { code: 'VALIDATION_FAILED' });
  }

  /** The headers that every response to such a request carries; a list that was worked out at start. */
  headersOf(request: object): readonly Header[] {
    return this.hardening.headersOf(request);
  }
}
