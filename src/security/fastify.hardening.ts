import type { ServerResponse } from 'node:http';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { AdapterRequest } from '../context/index.js';
import { bodyLimitIn } from './body-limit.js';
import type { Hardening } from './hardening.js';

type Done = (error?: unknown) => void;

interface RouteOptions {
  readonly config?: unknown;
  bodyLimit?: number;
}

interface FastifyInstance {
  addHook(name: 'onRoute', hook: (route: RouteOptions) => void): void;
  addHook(
    name: 'onRequest',
    hook: (request: FastifyRequest, reply: { readonly raw: ServerResponse }, done: Done) => void,
  ): void;
}

type FastifyRequest = AdapterRequest & Required<Pick<AdapterRequest, 'raw'>> & { query: unknown };

/** Where Nest's adapter of Fastify takes more than its interface says. */
interface ParserTaker {
  useBodyParser(
    type: string,
    rawBody: boolean,
    options: { bodyLimit: number },
    parser: (request: AdapterRequest, body: Buffer, done: (error: unknown, body?: unknown) => void) => void,
  ): void;
}

/** Puts the rules in front of every route of a Fastify application. */
export function hardenFastify(adapter: AbstractHttpAdapter, hardening: Hardening): void {
  const fastify = adapter.getInstance() as FastifyInstance;
  const { settings } = hardening;
  fastify.addHook('onRoute', (route) => {
    route.bodyLimit ??= bodyLimitIn(route.config);
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    const refusal = hardening.refusalOf(request, request.raw);
    // On the raw response, because one on the reply is taken for Fastify's own wish.
    if (refusal?.headers['Connection'] !== undefined) reply.raw.setHeader('Connection', 'close');
    if (!refusal) stripQuery(request, hardening);
    done(refusal);
  });
  for (const type of ['application/json', 'application/x-www-form-urlencoded', '*']) {
    const options = { bodyLimit: settings.limits.bodyBytes };
    (adapter as unknown as ParserTaker).useBodyParser(type, false, options, (request, body, done) => {
      try {
        done(null, hardening.parse(request, body));
      } catch (error) {
        done(error);
      }
    });
  }
}

/** Fastify has read the query before its first hook. */
function stripQuery(request: FastifyRequest, hardening: Hardening): void {
  const stripped = hardening.targetOf(request.url);
  if (stripped === request.url) return;
  const parameters = request.query as Record<string, string | string[]>;
  const clean = new URLSearchParams(stripped.slice(stripped.indexOf('?') + 1));
  for (const name of Object.keys(parameters)) delete parameters[name];
  for (const name of clean.keys()) {
    const values = clean.getAll(name);
    parameters[name] = values.length === 1 ? (values[0] ?? '') : values;
  }
}
