import type { ServerResponse } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';
import type { AdapterRequest } from './request-context.js';

/**
 * Returns the request of an HTTP call. `switchToHttp().getRequest()` returns the same, but each call of `switchToHttp()`
 * creates three functions. That is too expensive in a guard that runs on every route.
 */
export function getRequest<T = AdapterRequest>(context: ExecutionContext): T {
  return context.getArgByIndex<T>(0);
}

/** Returns Node's own response of an HTTP call. Fastify wraps it. */
export function getResponse(context: ExecutionContext): ServerResponse {
  const response = context.getArgByIndex<ServerResponse | { readonly raw: ServerResponse }>(1);
  return 'raw' in response ? response.raw : response;
}
