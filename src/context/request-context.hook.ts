import type { ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import { getRequestContext, currentContext, runWithContext, type AdapterRequest } from './request-context.js';

type Next = (error?: unknown) => void;
type Hook = (request: AdapterRequest, response: ServerResponse, next: Next) => void;

interface FastifyInstance {
  addHook(name: 'onRequest', hook: Hook): void;
}

/**
 * Provides the request context to services if the application does not install the request pipeline, for example because
 * it has its own `main.ts`. Without a context, failed logins and sessions would have no client address.
 *
 * @internal
 */
@Injectable()
export class RequestContextHook {
  constructor(adapterHost: HttpAdapterHost) {
    const adapter = adapterHost.httpAdapter as AbstractHttpAdapter | undefined;
    if (adapter?.getType() === 'fastify')
      (adapter.getInstance() as FastifyInstance).addHook('onRequest', provideContext);
    else if (adapter?.getType() === 'express') adapter.use(provideContext);
  }
}

const provideContext: Hook = (request, _response, next) => {
  if (currentContext()) next();
  else runWithContext(getRequestContext(request), next);
};
