import type { OutgoingHttpHeader, Server, ServerResponse } from 'node:http';
import { Stream } from 'node:stream';
import { StreamableFile, type HttpServer } from '@nestjs/common';
import { getRequestContext, type AdapterRequest } from './context/index.js';
import type { ProblemFilter } from './problem/index.js';
import type { AppConfig } from './config/index.js';
import { MAX_PATH_LENGTH, type RequestHook } from './observability/index.js';
import { setServerTimeouts, createTrustProxyOption, type createClientErrorListener } from './security/index.js';

/** Makes Express and Fastify behave the same: routing, trust in proxies, and responses that fail while they are sent. */
export interface AdapterSetup {
  adapter: HttpServer;
  configure(hook: RequestHook, filter: ProblemFilter): void;
}

type Next = (error?: unknown) => void;

interface FastifyReply {
  readonly raw: ServerResponse;
  readonly statusCode: number;
  getHeader(name: string): OutgoingHttpHeader | undefined;
  removeHeader(name: string): unknown;
}

interface FastifyInstance {
  addHook(
    name: 'onSend',
    hook: (request: AdapterRequest, reply: FastifyReply, payload: unknown, done: Next) => void,
  ): void;
}

/** Applies the settings of the HTTP server, for both adapters. */
export function setUpServer(server: Server, onClientError: ReturnType<typeof createClientErrorListener>): void {
  setServerTimeouts(server);
  // SecurityModule rejects requests without Host itself, and also the requests after them on the connection.
  Object.assign(server, { requireHostHeader: false });
  server.removeAllListeners('clientError').on('clientError', onClientError);
}

/** The adapter that the configuration names. Only its package is loaded. */
export function createAdapter(http: AppConfig['http']): Promise<AdapterSetup> {
  return http.adapter === 'fastify' ? setUpFastify(http) : setUpExpress(http);
}

async function setUpExpress({ trustProxy }: AppConfig['http']): Promise<AdapterSetup> {
  const { ExpressAdapter } = await import('@nestjs/platform-express');

  let onStreamError: ProblemFilter['sendProblem'] | undefined;

  class PlainTextExpressAdapter extends ExpressAdapter {
    /** Express would send text as HTML, and a browser would run scripts in text from a client. */
    override reply(response: ServerResponse, body: unknown, statusCode?: number): unknown {
      if (body instanceof StreamableFile) {
        body.getStream().once('error', (error) => onStreamError?.(error, response.req as never, response));
      }
      if (typeof body === 'string' && !response.hasHeader('Content-Type')) {
        response.setHeader('Content-Type', 'text/plain; charset=utf-8');
      }
      return super.reply(response, body, statusCode);
    }
  }

  const adapter = new PlainTextExpressAdapter();
  adapter.set('trust proxy', createTrustProxyOption(trustProxy));
  adapter.set('etag', false);
  return {
    adapter,
    configure: (_hook, filter) => {
      onStreamError = createStreamErrorHandler(filter);
    },
  };
}

async function setUpFastify({ trustProxy }: AppConfig['http']): Promise<AdapterSetup> {
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  let answerBadUrl: ((error: Error, request: AdapterRequest, reply: FastifyReply) => void) | undefined;
  const adapter = new FastifyAdapter({
    trustProxy: createTrustProxyOption(trustProxy),
    // The same routing as Express, whose router settings cannot be changed here.
    routerOptions: { caseSensitive: false, ignoreTrailingSlash: true, maxParamLength: MAX_PATH_LENGTH },
    // Fastify's router rejects a malformed URL before the hooks run and without an error handler.
    frameworkErrors: (error: Error, request: AdapterRequest, reply: FastifyReply) =>
      answerBadUrl?.(error, request, reply),
  });
  const fastify = adapter.getInstance() as unknown as FastifyInstance;
  // This must be the first onSend hook. If an audit event fails, the error response must still pass the other hooks.
  fastify.addHook('onSend', (request, _reply, _payload, done) => {
    const { responseHold } = getRequestContext(request);
    if (responseHold) void callWhenDone(responseHold.waitForConditions(), done);
    else done();
  });
  return {
    adapter,
    configure: (hook, filter) => {
      const trusting = findRequestPrototype(fastify);
      answerBadUrl = (error, request, reply) => {
        if (trusting) Object.setPrototypeOf(request, trusting);
        hook(request, reply, (refusal) => filter.sendProblem(refusal ?? adapter.mapException(error), request, reply));
      };
      const onStreamError = createStreamErrorHandler(filter);
      fastify.addHook('onSend', (request, reply, payload, done) => {
        if (payload instanceof Stream) payload.once('error', (error) => onStreamError(error, request, reply));
        // Fastify closes the connection after a rejected body, and a client that still sends would get a reset instead
        // of the response. Node discards the rest of the body. A shutdown sets `Connection` on the raw response.
        const isFastifys = reply.getHeader('connection') !== undefined && !reply.raw.hasHeader('connection');
        if (isFastifys && reply.statusCode < 500) reply.removeHeader('connection');
        done();
      });
    },
  };
}

/**
 * For a malformed URL, Fastify creates a request of a class without proxy support, so its address and protocol would be
 * those of the proxy. The class of all other requests is stored under a symbol.
 */
function findRequestPrototype(fastify: object): object | undefined {
  const symbol = Object.getOwnPropertySymbols(fastify).find(({ description }) => description === 'fastify.Request');
  return symbol && (fastify as Record<symbol, { prototype: object }>)[symbol]?.prototype;
}

async function callWhenDone(work: Promise<void>, done: Next): Promise<void> {
  let failure: unknown;
  try {
    await work;
  } catch (error) {
    failure = error;
  }
  done(failure);
}

/** Fastify does not report a stream that fails while it is sent, and Express reports it as a closed connection. */
function createStreamErrorHandler(filter: ProblemFilter): ProblemFilter['sendProblem'] {
  return (error, request, response) => {
    const { raw = response as ServerResponse } = response as { raw?: ServerResponse };
    if (raw.headersSent) filter.sendProblem(error, request, response);
  };
}
