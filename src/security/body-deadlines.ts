import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { ProblemException } from '../problem/index.js';
import { failBody } from './body-stream.js';

/** Time of other routes, if the server has no limit. */
const DEFAULT_TIMEOUT_MS = 120_000;
const CLOSE_DELAY_MS = 1_000;

/**
 * Limits the time in which bodies arrive, by route. Node has one limit for all requests of a server (`requestTimeout`). If a
 * route allows more time, the server gets the longest time, and all other bodies are limited here.
 */
export class BodyDeadlines {
  private longestMs = 0;
  private defaultMs: number | undefined;

  /** @param timeoutMs time limit of a route */
  addRoute(timeoutMs: number | undefined): void {
    this.longestMs = Math.max(this.longestMs, timeoutMs ?? 0);
  }

  /** Raises the limit of the server to the longest time of a route. */
  apply(server: Server): void {
    const defaultMs = server.requestTimeout || DEFAULT_TIMEOUT_MS;
    if (this.longestMs <= defaultMs) return;
    server.requestTimeout = this.longestMs;
    this.defaultMs = defaultMs;
  }

  /** Starts the time limit of a body. */
  start(request: IncomingMessage, response: ServerResponse, routeTimeoutMs: number | undefined): void {
    const timeoutMs = routeTimeoutMs ?? this.defaultMs;
    if (timeoutMs === undefined || request.complete) return;
    const timer = setTimeout(() => expire(request, response), timeoutMs).unref();
    request.once('close', () => clearTimeout(timer));
  }
}

function expire(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete) return;
  if (response.writableEnded) {
    request.socket.destroy();
    return;
  }
  const fail = () => {
    const headers = { Connection: 'close' };
    if (!response.headersSent) response.setHeader('Connection', 'close');
    failBody(request, new ProblemException('REQUEST_TIMEOUT', 'The body did not arrive in time.', { headers }));
  };
  fail();
  // multer waits for the end of the body, or for another error, before it responds.
  setTimeout(() => {
    fail();
    setTimeout(() => request.complete || request.socket.destroy(), CLOSE_DELAY_MS).unref();
  }, CLOSE_DELAY_MS).unref();
}
