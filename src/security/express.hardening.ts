import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { requestPath, type AdapterRequest } from '../context/index.js';
import { readBody } from './body-reader.js';
import { ExpressRouteLimits, type ExpressRouter } from './express-routes.js';
import type { Hardening } from './hardening.js';
import { mayHaveBody } from './request-body.js';

type Next = (error?: unknown) => void;
type ExpressRequest = IncomingMessage & { body?: unknown; url: string; method: string };

interface ExpressInstance {
  readonly router: ExpressRouter;
  set(setting: string, value: unknown): unknown;
}

interface ReplyingAdapter {
  reply(response: ServerResponse, body: unknown, status?: number): unknown;
}

/** Applies the rules to every request of an Express application, before its routes. */
export function hardenExpress(adapter: AbstractHttpAdapter, hardening: Hardening): void {
  const express = adapter.getInstance() as ExpressInstance;
  express.set('x-powered-by', false);
  // The extended parser would create objects and arrays from names with brackets.
  express.set('query parser', 'simple');
  sendTextAsPlainText(adapter);
  const limits = new ExpressRouteLimits(() => express.router);
  const { settings } = hardening;
  adapter.use((request: ExpressRequest, _response: ServerResponse, next: Next) => {
    const refusal = hardening.getRefusal(request as unknown as AdapterRequest, request);
    if (refusal) {
      request.resume();
      next(refusal);
      return;
    }
    request.url = decodeUnreserved(hardening.sanitizeTarget(request.url));
    if (!mayHaveBody(request) || !hasBody(request)) {
      next();
      return;
    }
    const limit = limits.getLimit(request.method, requestPath(request.url)) ?? settings.limits.bodyBytes;
    readBody(request, limit, (error, body) => {
      if (error) return next(error);
      try {
        request.body = hardening.parseBody(request as unknown as AdapterRequest, body as Buffer);
      } catch (problem) {
        return next(problem);
      }
      next();
    });
  });
}

/** Express would send text as HTML, and a browser would run scripts in text from a client. */
function sendTextAsPlainText(adapter: AbstractHttpAdapter): void {
  const replying = adapter as unknown as ReplyingAdapter;
  const reply = replying.reply.bind(adapter);
  replying.reply = (response, body, status) => {
    if (typeof body === 'string' && !response.hasHeader('Content-Type')) {
      response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    }
    return reply(response, body, status);
  };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Decodes unreserved characters: `%61` equals `a` (RFC 3986, section 6.2.2.2). Fastify decodes them, Express does not. */
function decodeUnreserved(target: string): string {
  if (!target.includes('%')) return target;
  const [path = '', ...query] = target.split('?');
  const decoded = path.replace(/%(?:2[DE]|3\d|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])/gi, decodeURIComponent);
  return [decoded, ...query].join('?');
}
