import type { ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import { contextOf, currentContext, runWithContext, type AdapterRequest } from './request-context.js';

type Next = (error?: unknown) => void;
type Hook = (request: AdapterRequest, response: ServerResponse, next: Next) => void;

interface FastifyInstance {
  addHook(name: 'onRequest', hook: Hook): void;
}

/**
 * Makes the request context available to services in an application without the request pipeline, such as one with a
 * `main.ts` of its own. Without a context, failed logins and sessions would have no client address.
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
  else runWithContext(contextOf(request), next);
};
