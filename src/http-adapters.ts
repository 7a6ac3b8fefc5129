import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeader, Server, ServerResponse } from 'node:http';
import { Stream } from 'node:stream';
import { constants } from 'node:zlib';
import { StreamableFile, type HttpServer, type INestApplication } from '@nestjs/common';
import { contextOf, type AdapterRequest, type ProblemFilter } from './common/index.js';
import type { AppConfig } from './config/index.js';
import { MAXIMUM_PATH, type RequestHook } from './observability/index.js';
import {
  type answerClientError,
  bodyRefusal,
  contentCoding,
  mayHaveBody,
  parseBody,
  trustProxyOption,
} from './security/index.js';

/** What differs between Express and Fastify, made equal: routing, proxy trust, body parsing, compression. */
export interface AdapterSetup {
  adapter: HttpServer;
  configure(app: INestApplication, hook: RequestHook, filter: ProblemFilter): Promise<void>;
}

type Next = (error?: unknown) => void;

interface FastifyReply {
  readonly raw: ServerResponse;
  readonly statusCode: number;
  getHeader(name: string): OutgoingHttpHeader | undefined;
  header(name: string, value: string): unknown;
  removeHeader(name: string): unknown;
}

interface FastifyInstance {
  addHook(name: 'onRequest', hook: (request: AdapterRequest, reply: FastifyReply, done: Next) => void): void;
  addHook(
    name: 'onSend',
    hook: (request: AdapterRequest, reply: FastifyReply, payload: unknown, done: Next) => void,
  ): void;
}

type FastifyBodyParser = (
  request: AdapterRequest,
  body: Buffer,
  done: (error: unknown, body?: unknown) => void,
) => void;

/** Smaller bodies cost more to compress than they save on the wire. */
const COMPRESSION_THRESHOLD_BYTES = 1024;

/** Each chunk of a stream is compressed to its end and sent, instead of waiting for the next. */
const GZIP = { flush: constants.Z_SYNC_FLUSH };
const BROTLI = { flush: constants.BROTLI_OPERATION_FLUSH };

const BODY_PARSER = 'raw';

/**
 * Timeouts of the server, milliseconds. Fastify turns off the one for whole requests, which holds off slow senders; a
 * connection that idles outlives the idle timeout of the usual load balancers (60 s), lest they reuse a closed one.
 */
const TIMEOUTS = { headersTimeout: 60_000, requestTimeout: 300_000, keepAliveTimeout: 72_000 };

/** The settings of the server under both adapters. */
export function setUpServer(server: Server, onClientError: ReturnType<typeof answerClientError>): void {
  Object.assign(server, TIMEOUTS);
  server.removeAllListeners('clientError').on('clientError', onClientError);
}

export async function setUpExpress({ trustProxy, bodyLimitBytes }: AppConfig['http']): Promise<AdapterSetup> {
  const { ExpressAdapter } = await import('@nestjs/platform-express');
  const { default: compression } = await import('compression');

  let brokenOff: ProblemFilter['answer'] | undefined;

  class PlainTextExpressAdapter extends ExpressAdapter {
    /** Express takes text for a page, in which a browser would run what a client had put there. */
    override reply(response: ServerResponse, body: unknown, statusCode?: number): unknown {
      if (body instanceof StreamableFile) {
        body.getStream().once('error', (error) => brokenOff?.(error, response.req as never, response));
      }
      if (typeof body === 'string' && !response.hasHeader('Content-Type')) {
        response.setHeader('Content-Type', 'text/plain; charset=utf-8');
      }
      return super.reply(response, body, statusCode);
    }
  }

  const adapter = new PlainTextExpressAdapter();
  adapter.set('trust proxy', trustProxyOption(trustProxy));
  adapter.set('query parser', 'simple');
  adapter.set('etag', false);
  adapter.disable('x-powered-by');
  return {
    adapter,
    configure: async (app, _hook, filter) => {
      brokenOff = streamFailure(filter);
      const compress = compression({
        ...GZIP,
        brotli: BROTLI,
        threshold: COMPRESSION_THRESHOLD_BYTES,
        filter: (request, response) =>
          isCompressible(request.headers, response.getHeader('Cache-Control')) && compression.filter(request, response),
      });
      app.use((request: IncomingMessage, response: ServerResponse, next: Next) => {
        chooseCoding(request.headers);
        request.url = decodeUnreserved(request.url ?? '/');
        const refusal = bodyRefusal(request);
        if (refusal) next(refusal);
        else compress(request as never, response as never, next);
      });
      adapter.useBodyParser(BODY_PARSER, false, { type: mayHaveBody, inflate: false, limit: bodyLimitBytes });
      app.use((request: IncomingMessage & { body?: unknown }, _response: ServerResponse, next: Next) => {
        if (Buffer.isBuffer(request.body)) request.body = parseBody(request.headers, request.body);
        next();
      });
    },
  };
}

export async function setUpFastify({ trustProxy, bodyLimitBytes }: AppConfig['http']): Promise<AdapterSetup> {
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  const { default: compress } = await import('@fastify/compress');
  let answerBadUrl: ((error: Error, request: AdapterRequest, reply: FastifyReply) => void) | undefined;
  const adapter = new FastifyAdapter({
    trustProxy: trustProxyOption(trustProxy),
    bodyLimit: bodyLimitBytes,
    // As Express routes, whose router takes no settings from here.
    routerOptions: { caseSensitive: false, ignoreTrailingSlash: true, maxParamLength: MAXIMUM_PATH },
    // The router refuses a malformed URL before any hook and past every error handler.
    frameworkErrors: (error: Error, request: AdapterRequest, reply: FastifyReply) =>
      answerBadUrl?.(error, request, reply),
  });
  return {
    adapter,
    configure: async (_app, hook, filter) => {
      answerBadUrl = (error, request, reply) =>
        hook(request, reply, (refusal) => filter.answer(refusal ?? adapter.mapException(error), request, reply));
      const fastify = adapter.getInstance() as unknown as FastifyInstance;
      fastify.addHook('onRequest', (request, _reply, done) => {
        chooseCoding(request.headers);
        done(bodyRefusal(request));
      });
      // First of its kind: an answer that its audit event turns into a failure is still to be compressed and the like.
      fastify.addHook('onSend', (request, _reply, _payload, done) => {
        const { hold } = contextOf(request);
        if (hold) void callAfter(hold.settled(), done);
        else done();
      });
      const brokenOff = streamFailure(filter);
      fastify.addHook('onSend', (request, reply, payload, done) => {
        if (payload instanceof Stream) payload.once('error', (error) => brokenOff(error, request, reply));
        // Fastify closes the connection on a body it refused, and a client that still sends meets a reset instead of
        // the answer. Node reads the rest of the body away. A shutdown asks for the close on the raw response.
        const isFastifys = reply.getHeader('connection') !== undefined && !reply.raw.hasHeader('connection');
        if (isFastifys && reply.statusCode < 500) reply.removeHeader('connection');
        if (!isCompressible(request.headers, reply.getHeader('cache-control'))) {
          request.headers['accept-encoding'] = 'identity';
        } else if (payload) {
          const vary = String(reply.getHeader('vary') ?? '');
          reply.header('vary', vary === '' ? VARY : `${vary}, ${VARY}`);
        }
        done();
      });
      await adapter.register(
        compress as never,
        {
          threshold: COMPRESSION_THRESHOLD_BYTES,
          encodings: ['br', 'gzip'],
          globalDecompression: false,
          zlibOptions: GZIP,
          brotliOptions: BROTLI,
        } as never,
      );
      const parse: FastifyBodyParser = (request, body, done) => {
        try {
          done(null, parseBody(request.headers, body));
        } catch (error) {
          done(error);
        }
      };
      // By name, because it stands before Fastify's own parser; what else gets here is what bodyRefusal() let pass.
      for (const type of ['application/json', '*']) {
        adapter.useBodyParser(type, false, { bodyLimit: bodyLimitBytes }, parse as never);
      }
    },
  };
}

async function callAfter(work: Promise<void>, done: Next): Promise<void> {
  let failure: unknown;
  try {
    await work;
  } catch (error) {
    failure = error;
  }
  done(failure);
}

/** Fastify tells nobody of a stream that fails under way, and Express as of a client that went away. */
function streamFailure(filter: ProblemFilter): ProblemFilter['answer'] {
  return (error, request, response) => {
    const { raw = response as ServerResponse } = response as { raw?: ServerResponse };
    if (raw.headersSent) filter.answer(error, request, response);
  };
}

/** As @fastify/compress writes it, which looks for it in this form. */
const VARY = 'accept-encoding';

function chooseCoding(headers: IncomingHttpHeaders): void {
  const accepted = headers['accept-encoding'];
  if (typeof accepted === 'string') headers['accept-encoding'] = contentCoding(accepted);
}

/**
 * What may not be stored holds secrets, and the size of a compressed secret tells of it, next to text of an attacker's
 * choice (BREACH, https://www.breachattack.com).
 */
function isCompressible(request: IncomingHttpHeaders, cacheControl: OutgoingHttpHeader | undefined): boolean {
  return request['x-no-compression'] === undefined && !String(cacheControl ?? '').includes('no-store');
}

/** Express compares paths as they are written; to RFC 3986, section 6.2.2.2, `%61` is `a`, as it is to Fastify. */
function decodeUnreserved(target: string): string {
  if (!target.includes('%')) return target;
  const [path = '', ...query] = target.split('?');
  const decoded = path.replace(/%(?:2[DE]|3\d|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])/gi, decodeURIComponent);
  return [decoded, ...query].join('?');
}
