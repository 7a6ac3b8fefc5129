import type { ServerResponse } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';
import type { AdapterRequest } from './request-context.js';

/**
 * The request of an HTTP call, for guards on every route: `switchToHttp()` tells the same, and makes three functions each
 * time it is called.
 */
export function requestOf<T = AdapterRequest>(context: ExecutionContext): T {
  return context.getArgByIndex<T>(0);
}

/** Node's own response of an HTTP call, which Fastify wraps. */
export function responseOf(context: ExecutionContext): ServerResponse {
  const response = context.getArgByIndex<ServerResponse | { readonly raw: ServerResponse }>(1);
  return 'raw' in response ? response.raw : response;
}
