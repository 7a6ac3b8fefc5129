import type { ServerResponse } from 'node:http';
import { ERROR_CODES } from '../problem/error-codes.js';
import { problemDocument } from '../problem/problem.js';
import { requestPath } from './request-path.js';

const DETAIL = 'What this request did could not be recorded. Try again later.';

type Write = ServerResponse['write'];
type End = ServerResponse['end'];

/**
 * Keeps an answer back until what was promised with it has happened. It stands at Node's own response, where every way
 * to answer ends, on either adapter; and only responses that have something to wait for are touched.
 *
 * @internal
 */
export class ResponseHold {
  private conditions: Promise<unknown>[] = [];
  private readonly calls: (() => void)[] = [];
  private isReleasing = false;
  private onAnswer: ((status: number) => void)[] = [];

  constructor(private readonly response: ServerResponse) {
    const write = response.write.bind(response) as Write;
    const end = response.end.bind(response) as End;
    const flushHeaders = response.flushHeaders.bind(response);
    const isOpen = () => this.conditions.length === 0 && this.calls.length === 0;
    response.write = ((...args: Parameters<Write>) => {
      this.announce();
      if (isOpen()) return write(...args);
      this.later(() => void write(...args));
      return false;
    }) as Write;
    response.end = ((...args: Parameters<End>) => {
      this.announce();
      if (isOpen()) return end(...args);
      this.later(() => void end(...args));
      return response;
    }) as End;
    response.flushHeaders = () => (isOpen() ? flushHeaders() : this.later(flushHeaders));
  }

  add(condition: Promise<unknown>): void {
    condition.catch(() => undefined);
    this.conditions.push(condition);
  }

  /** Tells of the answer when it is about to go out, and can still be kept back. */
  announceTo(listener: (status: number) => void): void {
    this.onAnswer.push(listener);
  }

  /** Resolves when all conditions are met; rejects with the failure of one. Each failure is told once. */
  async settled(): Promise<void> {
    while (this.conditions.length > 0) {
      const conditions = [...this.conditions];
      const results = await Promise.allSettled(conditions);
      this.conditions = this.conditions.filter((condition) => !conditions.includes(condition));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    }
  }

  private announce(): void {
    const listeners = this.onAnswer;
    if (listeners.length === 0) return;
    this.onAnswer = [];
    for (const listener of listeners) listener(this.response.statusCode);
  }

  private later(call: () => void): void {
    this.calls.push(call);
    if (this.isReleasing) return;
    this.isReleasing = true;
    this.settled()
      .then(
        () => this.release(),
        () => this.refuse(),
      )
      .finally(() => (this.isReleasing = false));
  }

  private release(): void {
    const needsDrain = this.calls.length > 0;
    for (let call = this.calls.shift(); call; call = this.calls.shift()) call();
    // A stream that was told to wait goes on at this; where the socket is full, it is told again.
    if (needsDrain && !this.response.writableEnded) this.response.emit('drain');
  }

  /** The answer that was meant must not go out, and it is too late for the problem filter. */
  private refuse(): void {
    const { response } = this;
    this.calls.length = 0;
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { status } = ERROR_CODES.AUDIT_UNAVAILABLE;
    for (const name of ['content-encoding', 'content-length', 'etag', 'transfer-encoding']) response.removeHeader(name);
    response.statusCode = status;
    response.setHeader('Content-Type', 'application/problem+json; charset=utf-8');
    response.setHeader('Cache-Control', 'no-store');
    const instance = requestPath(response.req.url ?? '/');
    const requestId = String(response.getHeader('X-Request-Id') ?? '');
    response.end(JSON.stringify(problemDocument('AUDIT_UNAVAILABLE', status, DETAIL, { instance, requestId })));
  }
}
