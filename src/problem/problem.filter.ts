import { inspect } from 'node:util';
import type { ServerResponse } from 'node:http';
import { Catch, HttpException, Injectable, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { isDatabaseOutage } from './database-outage.js';
import { getCodeForStatus, ERROR_CODES, type ErrorCode } from './error-codes.js';
import { createProblemDocument } from './problem-document.js';
import { hasProblemMembers } from './problem.js';
import { toRpcError } from './rpc-error.js';
import { getRequestContext, type AdapterRequest } from '../context/request-context.js';
import { requestPath } from '../context/request-path.js';

const OPAQUE_DETAIL = 'The server failed to handle the request. Quote the requestId when you report it.';

const OUTAGE_DETAIL = 'A server that this request needs is not available at the moment. Try again.';
const OUTAGE_RETRY_SECONDS = '2';

const NO_ROUTE = /^Cannot [A-Z-]+ (?:\/|\*|https?:)/;

const DETAILS: Partial<Record<ErrorCode, string>> = {
  PAYLOAD_TOO_LARGE: 'The body is larger than this API accepts. Send a smaller body.',
};

interface Failure {
  code: ErrorCode;
  status: number;
  detail: string;
  headers: Readonly<Record<string, string>>;
  extensions: Readonly<Record<string, unknown>>;
}

/**
 * Sends a problem document (RFC 9457) for every error. For an unknown error, the client gets a 500 that shows only the
 * request id. The log has the cause under the same request id.
 *
 * @publicApi
 */
@Catch()
@Injectable()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemFilter.name);

  constructor(private readonly adapterHost: HttpAdapterHost) {}

  catch(error: unknown, host: ArgumentsHost): unknown {
    if (host.getType() === 'rpc') return toRpcError(error);
    // GraphQL and WebSockets have their own error format. Nest's handler for the transport runs next.
    if (host.getType() !== 'http') throw error;
    const http = host.switchToHttp();
    this.sendProblem(error, http.getRequest<AdapterRequest>(), http.getResponse<unknown>());
    return undefined;
  }

  /** Sends the problem of an error. Also used for requests that fail before Nest has a context for them. @internal */
  sendProblem(error: unknown, request: AdapterRequest, response: unknown): void {
    const { httpAdapter } = this.adapterHost;
    const { requestId } = getRequestContext(request);
    const failure = isClientAbort(error, request) ? CLIENT_ABORT_FAILURE : this.describe(error);

    if (failure.status >= 500) this.logger.error({ err: getCause(error), requestId, msg: 'request failed' });
    if (httpAdapter.isHeadersSent(response)) {
      destroyResponse(response, error);
      return;
    }
    for (const [name, value] of Object.entries(failure.headers)) httpAdapter.setHeader(response, name, value);
    httpAdapter.setHeader(response, 'Content-Type', 'application/problem+json; charset=utf-8');
    httpAdapter.setHeader(response, 'Cache-Control', 'no-store');
    const instance = requestPath(String(httpAdapter.getRequestUrl?.(request) ?? '/'));
    const { code, status, detail, extensions } = failure;
    const document = createProblemDocument(code, status, detail, { instance, requestId }, extensions);
    // As text, because the Express adapter of Nest 11 sends every object with an error status as application/json.
    httpAdapter.reply(response, JSON.stringify(document), status);
  }

  /** Decides what the client receives. Override it to translate the errors of another library. */
  protected describe(error: unknown): Failure {
    if (hasProblemMembers(error)) {
      const { code, detail, headers, extensions } = error;
      return { code, status: error.getStatus(), detail, headers, extensions };
    }
    // An exception with a status below 400 is a programming error.
    if (error instanceof HttpException && error.getStatus() >= 400) {
      const status = error.getStatus();
      const code = getCodeForStatus(status);
      return { code, status, detail: getDetail(error, code), headers: {}, extensions: {} };
    }
    if (isDatabaseOutage(error)) {
      const headers = { 'Retry-After': OUTAGE_RETRY_SECONDS };
      return { code: 'SERVICE_UNAVAILABLE', status: 503, detail: OUTAGE_DETAIL, headers, extensions: {} };
    }
    return { code: 'INTERNAL_ERROR', status: 500, detail: OPAQUE_DETAIL, headers: {}, extensions: {} };
  }
}

/** The client is gone and does not read it. The access log shows its status. */
const CLIENT_ABORT_FAILURE: Failure = {
  code: 'BAD_REQUEST',
  status: 400,
  detail: 'The client closed the connection before the body was complete.',
  headers: {},
  extensions: {},
};

/** Fastify reports an aborted request as an error, but it is not an error of the server. */
function isClientAbort(error: unknown, request: AdapterRequest): boolean {
  const { destroyed = false } = (request.raw ?? request) as { destroyed?: boolean };
  return (
    destroyed &&
    error instanceof Error &&
    (error as NodeJS.ErrnoException).code === 'ECONNRESET' &&
    error.message === 'aborted'
  );
}

/** Destroys a response that has started, so that the client does not take the incomplete response for a complete one. */
function destroyResponse(response: unknown, error: unknown): void {
  const { raw } = response as { raw?: ServerResponse };
  const stream = raw ?? (response as ServerResponse);
  // Fastify reports a response as sent before its first byte is written. Such a response is complete and must not be destroyed.
  if (stream.headersSent && !stream.writableEnded) stream.destroy(toError(error));
}

function getDetail(error: HttpException, code: ErrorCode): string {
  // Nest's message contains the whole target of an unknown route, and its query may hold a secret.
  if (code === 'NOT_FOUND' && NO_ROUTE.test(getMessage(error))) return 'There is no such route.';
  // The body parsers and routers of the two adapters have different messages for the same error.
  if (isLibraryError(error.cause)) return DETAILS[code] ?? `${ERROR_CODES[code].title}.`;
  // The message may come from the wrapped error, which is not written for clients.
  if (error.getStatus() >= 500 && error.cause !== undefined) return OPAQUE_DETAIL;
  return getMessage(error);
}

function isLibraryError(cause: unknown): boolean {
  return cause instanceof Error && 'statusCode' in cause;
}

function getMessage(error: HttpException): string {
  const body = error.getResponse();
  const message = typeof body === 'string' ? body : (body as { message?: unknown }).message;
  if (Array.isArray(message)) return message.join('; ');
  return typeof message === 'string' ? message : ERROR_CODES[getCodeForStatus(error.getStatus())].title;
}

function getCause(error: unknown): Error {
  return toError(error instanceof HttpException && error.cause !== undefined ? error.cause : error);
}

/** A thrown value that is not an Error has no type and no stack for the log, so it is wrapped. */
function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`A value that is not an Error was thrown: ${inspect(thrown)}`);
}
