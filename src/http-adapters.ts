import type { OutgoingHttpHeader, Server, ServerResponse } from 'node:http';
import { Stream } from 'node:stream';
import { StreamableFile, type HttpServer } from '@nestjs/common';
import { getRequestContext, type AdapterRequest } from './context/index.js';
import type { ProblemFilter } from './problem/index.js';
import type { AppConfig } from './config/index.js';
import { MAX_PATH_LENGTH, type RequestHook } from './observability/index.js';
import { limitServer, trustProxyOption, type answerClientError } from './security/index.js';

/** What differs between Express and Fastify, made equal: routing, proxy trust, answers that fail under way. */
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

/** The settings of the server under both adapters. */
export function setUpServer(server: Server, onClientError: ReturnType<typeof answerClientError>): void {
  limitServer(server);
  // The rules of SecurityModule ask for it, and let nothing pass that comes behind such a request.
  Object.assign(server, { requireHostHeader: false });
  server.removeAllListeners('clientError').on('clientError', onClientError);
}

export async function setUpExpress({ trustProxy }: AppConfig['http']): Promise<AdapterSetup> {
  const { ExpressAdapter } = await import('@nestjs/platform-express');

  let onStreamError: ProblemFilter['sendProblem'] | undefined;

  class PlainTextExpressAdapter extends ExpressAdapter {
    /** Express takes text for a page, in which a browser would run what a client had put there. */
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
  adapter.set('trust proxy', trustProxyOption(trustProxy));
  adapter.set('etag', false);
  return {
    adapter,
    configure: (_hook, filter) => {
      onStreamError = streamFailure(filter);
    },
  };
}

export async function setUpFastify({ trustProxy }: AppConfig['http']): Promise<AdapterSetup> {
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  let answerBadUrl: ((error: Error, request: AdapterRequest, reply: FastifyReply) => void) | undefined;
  const adapter = new FastifyAdapter({
    trustProxy: trustProxyOption(trustProxy),
    // As Express routes, whose router takes no settings from here.
    routerOptions: { caseSensitive: false, ignoreTrailingSlash: true, maxParamLength: MAX_PATH_LENGTH },
    // The router refuses a malformed URL before any hook and past every error handler.
    frameworkErrors: (error: Error, request: AdapterRequest, reply: FastifyReply) =>
      answerBadUrl?.(error, request, reply),
  });
  const fastify = adapter.getInstance() as unknown as FastifyInstance;
  // First of its kind: an answer that its audit event turns into a failure is still to be compressed and the like.
  fastify.addHook('onSend', (request, _reply, _payload, done) => {
    const { responseHold: hold } = getRequestContext(request);
    if (hold) void callAfter(hold.waitForConditions(), done);
    else done();
  });
  return {
    adapter,
    configure: (hook, filter) => {
      const trusting = requestPrototype(fastify);
      answerBadUrl = (error, request, reply) => {
        if (trusting) Object.setPrototypeOf(request, trusting);
        hook(request, reply, (refusal) => filter.sendProblem(refusal ?? adapter.mapException(error), request, reply));
      };
      const onStreamError = streamFailure(filter);
      fastify.addHook('onSend', (request, reply, payload, done) => {
        if (payload instanceof Stream) payload.once('error', (error) => onStreamError(error, request, reply));
        // Fastify closes the connection on a body it refused, and a client that still sends meets a reset instead of
        // the answer. Node reads the rest of the body away. A shutdown asks for the close on the raw response.
        const isFastifys = reply.getHeader('connection') !== undefined && !reply.raw.hasHeader('connection');
        if (isFastifys && reply.statusCode < 500) reply.removeHeader('connection');
        done();
      });
    },
  };
}

/**
 * Fastify makes the request of a malformed URL of a class that knows nothing of trusted proxies: its address and its
 * scheme would be those of the proxy. The one of all other requests stands under a symbol.
 */
function requestPrototype(fastify: object): object | undefined {
  const symbol = Object.getOwnPropertySymbols(fastify).find(({ description }) => description === 'fastify.Request');
  return symbol && (fastify as Record<symbol, { prototype: object }>)[symbol]?.prototype;
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
function streamFailure(filter: ProblemFilter): ProblemFilter['sendProblem'] {
  return (error, request, response) => {
    const { raw = response as ServerResponse } = response as { raw?: ServerResponse };
    if (raw.headersSent) filter.sendProblem(error, request, response);
  };
}
