import type { OutgoingHttpHeader, ServerResponse } from 'node:http';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { AdapterRequest } from '../context/index.js';
import { getConfigBodyLimit } from './body-limit.js';
import type { Hardening } from './hardening.js';

type Done = (error?: unknown) => void;

interface RouteOptions {
  readonly config?: unknown;
  bodyLimit?: number;
}

interface FastifyReply {
  readonly raw: ServerResponse;
  readonly statusCode: number;
  getHeader(name: string): OutgoingHttpHeader | undefined;
  removeHeader(name: string): unknown;
}

interface FastifyInstance {
  addHook(name: 'onRoute', hook: (route: RouteOptions) => void): void;
  addHook(
    name: 'onRequest',
    hook: (request: FastifyRequest, reply: { readonly raw: ServerResponse }, done: Done) => void,
  ): void;
  addHook(
    name: 'onSend',
    hook: (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: Done) => void,
  ): void;
}

type FastifyRequest = AdapterRequest & Required<Pick<AdapterRequest, 'raw'>> & { query: unknown };

/** A method of Nest's Fastify adapter that its interface does not declare. */
interface BodyParserAdapter {
  useBodyParser(
    type: string,
    rawBody: boolean,
    options: { bodyLimit: number },
    parser: (request: AdapterRequest, body: Buffer, done: (error: unknown, body?: unknown) => void) => void,
  ): void;
}

/** Applies the rules to every request of a Fastify application, before its routes. */
export function hardenFastify(adapter: AbstractHttpAdapter, hardening: Hardening): void {
  const fastify = adapter.getInstance() as FastifyInstance;
  const { settings } = hardening;
  fastify.addHook('onRoute', (route) => {
    route.bodyLimit ??= getConfigBodyLimit(route.config);
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    const refusal = hardening.getRefusal(request, request.raw);
    // The header is set on the raw response. On the reply, it would be removed like a `Connection` that Fastify itself sets.
    if (refusal?.headers['Connection'] !== undefined) reply.raw.setHeader('Connection', 'close');
    if (!refusal) stripQuery(request, hardening);
    done(refusal);
  });
  // Fastify closes the connection after a rejected body, and a client that still sends would get a reset instead of the
  // response. Node discards the rest of the body. A shutdown sets `Connection` on the raw response.
  fastify.addHook('onSend', (_request, reply, _payload, done) => {
    const isFastifys = reply.getHeader('connection') !== undefined && !reply.raw.hasHeader('connection');
    if (isFastifys && reply.statusCode < 500) reply.removeHeader('connection');
    done();
  });
  for (const type of ['application/json', 'application/x-www-form-urlencoded', '*']) {
    const options = { bodyLimit: settings.limits.bodyBytes };
    (adapter as unknown as BodyParserAdapter).useBodyParser(type, false, options, (request, body, done) => {
      try {
        done(null, hardening.parseBody(request, body));
      } catch (error) {
        done(error);
      }
    });
  }
}

/** Removes control characters from the parsed query. Fastify parses the query before its first hook. */
function stripQuery(request: FastifyRequest, hardening: Hardening): void {
  const stripped = hardening.sanitizeTarget(request.url);
  if (stripped === request.url) return;
  const parameters = request.query as Record<string, string | string[]>;
  const cleanParameters = new URLSearchParams(stripped.slice(stripped.indexOf('?') + 1));
  for (const name of Object.keys(parameters)) delete parameters[name];
  for (const name of cleanParameters.keys()) {
    const values = cleanParameters.getAll(name);
    parameters[name] = values.length === 1 ? (values[0] ?? '') : values;
  }
}
