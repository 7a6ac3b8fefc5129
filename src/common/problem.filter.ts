import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { codeForStatus, ERROR_CODES, type ErrorCode } from './error-codes.js';
import { problemDocument, ProblemException } from './problem.js';
import { contextOf, type AdapterRequest } from './request-context.js';

const OPAQUE_DETAIL = 'The server failed to handle the request. Quote the requestId when you report it.';

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
    const failure = this.describe(error);

    if (failure.status >= 500) this.logger.error({ err: causeOf(error), requestId, msg: 'request failed' });
    if (httpAdapter.isHeadersSent(response)) {
      httpAdapter.end(response);
      return;
    }
    for (const [name, value] of Object.entries(failure.headers)) httpAdapter.setHeader(response, name, value);
    httpAdapter.setHeader(response, 'Content-Type', 'application/problem+json; charset=utf-8');
    httpAdapter.setHeader(response, 'Cache-Control', 'no-store');
    const instance = pathOf(String(httpAdapter.getRequestUrl?.(request) ?? '/'));
    httpAdapter.reply(
      response,
      problemDocument(failure.code, failure.status, failure.detail, { instance, requestId }, failure.extensions),
      failure.status,
    );
  }

  /** Works out what the client is told. Override to translate the errors of another library. */
  protected describe(error: unknown): Failure {
    if (error instanceof ProblemException) {
      const { code, detail, headers, extensions } = error;
      return { code, status: error.getStatus(), detail, headers, extensions };
    }
    if (error instanceof HttpException) {
      const status = error.getStatus();
      const code = codeForStatus(status);
      return { code, status, detail: detailOf(error, code), headers: {}, extensions: {} };
    }
    return { code: 'INTERNAL_ERROR', status: 500, detail: OPAQUE_DETAIL, headers: {}, extensions: {} };
  }
}

function detailOf(error: HttpException, code: ErrorCode): string {
  // Nest names the whole target of an unknown route, and its query may hold a secret.
  if (code === 'NOT_FOUND' && messageOf(error).startsWith('Cannot ')) return 'There is no such route.';
  // An exception that wraps another may carry that one's words.
  if (error.getStatus() >= 500 && error.cause !== undefined) return OPAQUE_DETAIL;
  return messageOf(error);
}

function messageOf(error: HttpException): string {
  const body = error.getResponse();
  const message = typeof body === 'string' ? body : (body as { message?: unknown }).message;
  if (Array.isArray(message)) return message.join('; ');
  return typeof message === 'string' ? message : ERROR_CODES[codeForStatus(error.getStatus())].title;
}

function causeOf(error: unknown): unknown {
  return error instanceof HttpException && error.cause !== undefined ? error.cause : error;
}

/** Without the query: it may hold tokens, and a problem document is often logged by the client. */
function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
