import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpServer, INestApplication } from '@nestjs/common';
import type { AdapterRequest, ProblemFilter } from './common/index.js';
import type { AppConfig } from './config/index.js';
import type { RequestHook } from './observability/index.js';
import { parseJsonBody, trustProxyOption } from './security/index.js';

/** What differs between Express and Fastify, made equal: proxy trust, body parsing, compression. */
export interface AdapterSetup {
  adapter: HttpServer;
  configure(app: INestApplication, hook: RequestHook, filter: ProblemFilter): Promise<void>;
}

type FastifyBodyParser = (request: unknown, body: Buffer, done: (error: Error | null, body?: unknown) => void) => void;

/** Smaller bodies cost more to compress than they save on the wire. */
const COMPRESSION_THRESHOLD_BYTES = 1024;

const JSON_TYPES = ['application/json', 'application/*+json'];
const SUFFIX_TYPES = /^application\/[\w.-]+\+json(?:\s*;|$)/i;

export async function setUpExpress({ trustProxy, bodyLimitBytes }: AppConfig['http']): Promise<AdapterSetup> {
  const { ExpressAdapter } = await import('@nestjs/platform-express');
  const { default: compression } = await import('compression');
  const adapter = new ExpressAdapter();
  adapter.set('trust proxy', trustProxyOption(trustProxy));
  adapter.set('query parser', 'simple');
  adapter.disable('x-powered-by');
  return {
    adapter,
    configure: async (app) => {
      app.use(compression({ threshold: COMPRESSION_THRESHOLD_BYTES }));
      adapter.useBodyParser('raw', false, { type: JSON_TYPES, limit: bodyLimitBytes });
      adapter.useBodyParser('urlencoded', false, { extended: false, limit: bodyLimitBytes });
      app.use((request: IncomingMessage & { body?: unknown }, _response: ServerResponse, next: () => void) => {
        if (Buffer.isBuffer(request.body)) request.body = parseJsonBody(request.body);
        next();
      });
    },
  };
}

export async function setUpFastify({ trustProxy, bodyLimitBytes }: AppConfig['http']): Promise<AdapterSetup> {
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  const { default: compress } = await import('@fastify/compress');
  let answerBadUrl: ((error: Error, request: AdapterRequest, reply: { raw: ServerResponse }) => void) | undefined;
  const adapter = new FastifyAdapter({
    trustProxy: trustProxyOption(trustProxy),
    bodyLimit: bodyLimitBytes,
    // The router refuses a malformed URL before any hook and past every error handler.
    frameworkErrors: (error: Error, request: AdapterRequest, reply: { raw: ServerResponse }) =>
      answerBadUrl?.(error, request, reply),
  });
  return {
    adapter,
    configure: async (_app, hook, filter) => {
      answerBadUrl = (error, request, reply) =>
        hook(request, reply, () => filter.answer(adapter.mapException(error), request, reply));
      await adapter.register(
        compress as never,
        { threshold: COMPRESSION_THRESHOLD_BYTES, encodings: ['br', 'gzip'] } as never,
      );
      const parse: FastifyBodyParser = (_request, body, done) => {
        try {
          done(null, parseJsonBody(body));
        } catch (error) {
          done(error as Error);
        }
      };
      // By name, because it stands before Fastify's own parser; by pattern for the suffix types of RFC 6839.
      adapter.useBodyParser('application/json', false, { bodyLimit: bodyLimitBytes }, parse);
      adapter.useBodyParser(SUFFIX_TYPES as never, false, { bodyLimit: bodyLimitBytes }, parse);
      adapter.useBodyParser('application/x-www-form-urlencoded', false, { bodyLimit: bodyLimitBytes });
    },
  };
}
