import type { IncomingMessage, OutgoingHttpHeader, ServerResponse } from 'node:http';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { AdapterRequest } from '../context/index.js';
import { getConfigBodyRules } from './body-rules.js';
import type { AdmittedBody, Hardening } from './hardening.js';

type Done = (error?: unknown) => void;

interface FastifyReply {
  readonly raw: ServerResponse;
  readonly statusCode: number;
  getHeader(name: string): OutgoingHttpHeader | undefined;
  removeHeader(name: string): unknown;
}

interface FastifyInstance {
  addHook(name: 'onRoute', hook: (route: { readonly config?: unknown }) => void): void;
  addHook(
    name: 'onRequest',
    hook: (request: FastifyRequest, reply: { readonly raw: ServerResponse }, done: Done) => void,
  ): void;
  addHook(
    name: 'onSend',
    hook: (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: Done) => void,
  ): void;
  removeAllContentTypeParsers(): void;
  addContentTypeParser(
    types: readonly string[],
    parser: (request: FastifyRequest, payload: IncomingMessage, done: (error: unknown, body?: unknown) => void) => void,
  ): void;
}

type FastifyRequest = AdapterRequest &
  Required<Pick<AdapterRequest, 'raw'>> & { readonly routeOptions?: { readonly config?: unknown }; query: unknown };

/** Applies the rules to every request of a Fastify application, before its routes. */
export function hardenFastify(adapter: AbstractHttpAdapter, hardening: Hardening): void {
  const fastify = adapter.getInstance() as FastifyInstance;
  const bodies = new WeakMap<object, AdmittedBody>();
  fastify.addHook('onRoute', ({ config }) => hardening.deadlines.addRoute(getConfigBodyRules(config)?.timeoutMs));
  fastify.addHook('onRequest', (request, reply, done) => {
    const refusal = hardening.getRefusal(request, request.raw);
    // The header is set on the raw response. On the reply, it would be removed like a `Connection` that Fastify itself sets.
    if (refusal?.headers['Connection'] !== undefined) reply.raw.setHeader('Connection', 'close');
    if (refusal) return done(refusal);
    stripQuery(request, hardening);
    try {
      const body = hardening.admitBody(request, request.raw, reply.raw, getRules(request));
      if (body) bodies.set(request, body);
    } catch (problem) {
      return done(problem);
    }
    done();
  });
  // Fastify closes the connection after a rejected body, and a client that still sends would get a reset instead of the
  // response. Node discards the rest of the body. A shutdown sets `Connection` on the raw response.
  fastify.addHook('onSend', (_request, reply, _payload, done) => {
    const isFastifys = reply.getHeader('connection') !== undefined && !reply.raw.hasHeader('connection');
    if (isFastifys && reply.statusCode < 500) reply.removeHeader('connection');
    done();
  });
  fastify.removeAllContentTypeParsers();
  // JSON and forms are named, so that another parser for them makes the start fail instead of bypassing these rules.
  fastify.addContentTypeParser(
    ['application/json', 'application/x-www-form-urlencoded', '*'],
    (request, payload, done) => {
      const body = bodies.get(request);
      // The body is empty, although the request names a type.
      if (!body) return done(null);
      if (body.kind === 'multipart') {
        return done(
          new Error(
            'No plugin reads multipart/form-data. Use the interceptors of @nestjs/platform-fastify/multipart, or register ' +
              '@fastify/multipart.',
          ),
        );
      }
      hardening.readBody(request, payload, body, (error, value) => done(error ?? null, value));
    },
  );
}

function getRules({ routeOptions }: FastifyRequest) {
  return getConfigBodyRules(routeOptions?.config);
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
