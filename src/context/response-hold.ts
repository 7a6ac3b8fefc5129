import type { ServerResponse } from 'node:http';
import { ERROR_CODES } from '../problem/error-codes.js';
import { createProblemDocument } from '../problem/problem-document.js';
import { requestPath } from './request-path.js';

/** Detail of the error `AUDIT_UNAVAILABLE`, wherever a request fails with it. */
export const AUDIT_UNAVAILABLE_DETAIL = 'An audit event of this request could not be stored. Try again later.';

type Write = ServerResponse['write'];
type End = ServerResponse['end'];

/**
 * Delays a response until conditions are met. It replaces `write`, `end` and `flushHeaders` of Node's own response,
 * because both adapters send every response through them. Only a response that waits for something gets a hold.
 *
 * @internal
 */
export class ResponseHold {
  private conditions: Promise<unknown>[] = [];
  private readonly delayedCalls: (() => void)[] = [];
  private isWaiting = false;
  private listeners: ((status: number) => void)[] = [];

  constructor(private readonly response: ServerResponse) {
    const write = response.write.bind(response) as Write;
    const end = response.end.bind(response) as End;
    const flushHeaders = response.flushHeaders.bind(response);
    const isOpen = () => this.conditions.length === 0 && this.delayedCalls.length === 0;
    response.write = ((...args: Parameters<Write>) => {
      this.notifyListeners();
      if (isOpen()) return write(...args);
      this.delayCall(() => void write(...args));
      return false;
    }) as Write;
    response.end = ((...args: Parameters<End>) => {
      this.notifyListeners();
      if (isOpen()) return end(...args);
      this.delayCall(() => void end(...args));
      return response;
    }) as End;
    response.flushHeaders = () => (isOpen() ? flushHeaders() : this.delayCall(flushHeaders));
  }

  add(condition: Promise<unknown>): void {
    condition.catch(() => undefined);
    this.conditions.push(condition);
  }

  /** Adds a listener that runs before the response is sent, while the response can still be delayed. */
  addListener(listener: (status: number) => void): void {
    this.listeners.push(listener);
  }

  /** Resolves when all conditions are met. Rejects if one fails. Each failure is reported once. */
  async waitForConditions(): Promise<void> {
    while (this.conditions.length > 0) {
      const conditions = [...this.conditions];
      const results = await Promise.allSettled(conditions);
      this.conditions = this.conditions.filter((condition) => !conditions.includes(condition));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    }
  }

  private notifyListeners(): void {
    const listeners = this.listeners;
    if (listeners.length === 0) return;
    this.listeners = [];
    for (const listener of listeners) listener(this.response.statusCode);
  }

  private delayCall(call: () => void): void {
    this.delayedCalls.push(call);
    if (this.isWaiting) return;
    this.isWaiting = true;
    this.waitForConditions()
      .then(
        () => this.runDelayedCalls(),
        () => this.sendProblem(),
      )
      .finally(() => (this.isWaiting = false));
  }

  private runDelayedCalls(): void {
    const needsDrain = this.delayedCalls.length > 0;
    for (let call = this.delayedCalls.shift(); call; call = this.delayedCalls.shift()) call();
    // `write()` returned false, so a stream waits for `drain`. If the socket is full, `write()` returns false again.
    if (needsDrain && !this.response.writableEnded) this.response.emit('drain');
  }

  /** Replaces the response with an error. The problem filter has already run, so the problem is sent from here. */
  private sendProblem(): void {
    const { response } = this;
    this.delayedCalls.length = 0;
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
    const request = { instance, requestId };
    response.end(JSON.stringify(createProblemDocument('AUDIT_UNAVAILABLE', status, AUDIT_UNAVAILABLE_DETAIL, request)));
  }
}
