import { inspect } from 'node:util';
import type { ServerResponse } from 'node:http';
import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { isDatabaseOutage } from './database-outage.js';
import { codeForStatus, ERROR_CODES, type ErrorCode } from './error-codes.js';
import { hasProblemMembers, problemDocument } from './problem.js';
import { contextOf, type AdapterRequest } from '../context/request-context.js';
import { requestPath } from '../context/request-path.js';

const OPAQUE_DETAIL = 'The server failed to handle the request. Quote the requestId when you report it.';

const OUTAGE_DETAIL = 'A server that this needs does not answer at the moment. Try again.';
const OUTAGE_RETRY_SECONDS = '2';

const NO_ROUTE = /^Cannot [A-Z-]+ (?:\/|\*|https?:)/;

const DETAILS: Partial<Record<ErrorCode, string>> = {
  PAYLOAD_TOO_LARGE: 'The body is larger than this API takes. Send less at once.',
};

interface Failure {
  code: ErrorCode;
  status: number;
  detail: string;
  headers: Readonly<Record<string, string>>;
  extensions: Readonly<Record<string, unknown>>;
}

/**
 * Answers every failure with a problem document (RFC 9457). What is not meant for the client, it gets as an opaque 500
 * with the request id, under which the cause stands in the log.
 *
 * @publicApi
 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemFilter.name);

  constructor(private readonly adapterHost: HttpAdapterHost) {}

  catch(error: unknown, host: ArgumentsHost): void {
    // Other transports have their own error frames; Nest's handler for them is the next in line.
    if (host.getType() !== 'http') throw error;
    this.answer(error, host.switchToHttp().getRequest<AdapterRequest>(), host.switchToHttp().getResponse<unknown>());
  }

  /** Answers a request that failed before Nest had a context for it. @internal */
  answer(error: unknown, request: AdapterRequest, response: unknown): void {
    const { httpAdapter } = this.adapterHost;
    const { requestId } = contextOf(request);
    const failure = isClientAbort(error, request) ? GONE_AWAY : this.describe(error);

    if (failure.status >= 500) this.logger.error({ err: causeOf(error), requestId, msg: 'request failed' });
    if (httpAdapter.isHeadersSent(response)) {
      destroyResponse(response, error);
      return;
    }
    for (const [name, value] of Object.entries(failure.headers)) httpAdapter.setHeader(response, name, value);
    httpAdapter.setHeader(response, 'Content-Type', 'application/problem+json; charset=utf-8');
    httpAdapter.setHeader(response, 'Cache-Control', 'no-store');
    const instance = requestPath(String(httpAdapter.getRequestUrl?.(request) ?? '/'));
    httpAdapter.reply(
      response,
      problemDocument(failure.code, failure.status, failure.detail, { instance, requestId }, failure.extensions),
      failure.status,
    );
  }

  /** Works out what the client is told. Override to translate the errors of another library. */
  protected describe(error: unknown): Failure {
    if (hasProblemMembers(error)) {
      const { code, detail, headers, extensions } = error;
      return { code, status: error.getStatus(), detail, headers, extensions };
    }
    // An exception with the status of a success is a mistake in the program.
    if (error instanceof HttpException && error.getStatus() >= 400) {
      const status = error.getStatus();
      const code = codeForStatus(status);
      return { code, status, detail: detailOf(error, code), headers: {}, extensions: {} };
    }
    if (isDatabaseOutage(error)) {
      const headers = { 'Retry-After': OUTAGE_RETRY_SECONDS };
      return { code: 'SERVICE_UNAVAILABLE', status: 503, detail: OUTAGE_DETAIL, headers, extensions: {} };
    }
    return { code: 'INTERNAL_ERROR', status: 500, detail: OPAQUE_DETAIL, headers: {}, extensions: {} };
  }
}

/** Nobody reads it; it is for the access line. */
const GONE_AWAY: Failure = {
  code: 'BAD_REQUEST',
  status: 400,
  detail: 'The body broke off.',
  headers: {},
  extensions: {},
};

/** A client that broke off its request is no failure of the server, though Fastify reports it as an error. */
function isClientAbort(error: unknown, request: AdapterRequest): boolean {
  const { destroyed = false } = (request.raw ?? request) as { destroyed?: boolean };
  return (
    destroyed &&
    error instanceof Error &&
    (error as NodeJS.ErrnoException).code === 'ECONNRESET' &&
    error.message === 'aborted'
  );
}

/** Ends an answer that has begun so that the client sees it to be incomplete: a proper end would pass off a part as the whole. */
function destroyResponse(response: unknown, error: unknown): void {
  const { raw } = response as { raw?: ServerResponse };
  const stream = raw ?? (response as ServerResponse);
  // Fastify holds an answer for sent before its first byte is out; that one is on its way and is complete.
  if (stream.headersSent && !stream.writableEnded) stream.destroy(asError(error));
}

function detailOf(error: HttpException, code: ErrorCode): string {
  // Nest names the whole target of an unknown route, and its query may hold a secret.
  if (code === 'NOT_FOUND' && NO_ROUTE.test(messageOf(error))) return 'There is no such route.';
  // Body parsers and routers of either adapter have words of their own for the same thing.
  if (isLibraryError(error.cause)) return DETAILS[code] ?? `${ERROR_CODES[code].title}.`;
  // An exception that wraps another may carry that one's words.
  if (error.getStatus() >= 500 && error.cause !== undefined) return OPAQUE_DETAIL;
  return messageOf(error);
}

function isLibraryError(cause: unknown): boolean {
  return cause instanceof Error && 'statusCode' in cause;
}

function messageOf(error: HttpException): string {
  const body = error.getResponse();
  const message = typeof body === 'string' ? body : (body as { message?: unknown }).message;
  if (Array.isArray(message)) return message.join('; ');
  return typeof message === 'string' ? message : ERROR_CODES[codeForStatus(error.getStatus())].title;
}

function causeOf(error: unknown): Error {
  return asError(error instanceof HttpException && error.cause !== undefined ? error.cause : error);
}

/** Anything can be thrown; without a type and a stack it would be lost in the log. */
function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`Something that is no Error was thrown: ${inspect(thrown)}`);
}
