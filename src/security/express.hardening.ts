import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { requestPath, type AdapterRequest } from '../context/index.js';
import { ExpressBodyRules, type ExpressRouter } from './express-body-rules.js';
import type { Hardening } from './hardening.js';

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
export function hardenExpress(adapter: AbstractHttpAdapter, hardening: Hardening): ExpressBodyRules {
  const express = adapter.getInstance() as ExpressInstance;
  express.set('x-powered-by', false);
  // The extended parser would create objects and arrays from names with brackets.
  express.set('query parser', 'simple');
  sendTextAsPlainText(adapter);
  const bodyRules = new ExpressBodyRules(() => express.router);
  adapter.use((request: ExpressRequest, response: ServerResponse, next: Next) => {
    const adapterRequest = request as unknown as AdapterRequest;
    const refuse = (problem: unknown) => {
      request.resume();
      next(problem);
    };
    const refusal = hardening.getRefusal(adapterRequest, request);
    if (refusal) return refuse(refusal);
    request.url = decodeUnreserved(hardening.sanitizeTarget(request.url));
    const rules = bodyRules.getRules(request.method, requestPath(request.url));
    let body;
    try {
      body = hardening.admitBody(adapterRequest, request, response, rules);
    } catch (problem) {
      return refuse(problem);
    }
    if (!body || body.kind === 'multipart') return next();
    hardening.readBody(adapterRequest, request, body, (error, value) => {
      request.body = value;
      next(error);
    });
  });
  return bodyRules;
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

/** Decodes unreserved characters: `%61` equals `a` (RFC 3986, section 6.2.2.2). Fastify decodes them, Express does not. */
function decodeUnreserved(target: string): string {
  if (!target.includes('%')) return target;
  const [path = '', ...query] = target.split('?');
  const decoded = path.replace(/%(?:2[DE]|3\d|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])/gi, decodeURIComponent);
  return [decoded, ...query].join('?');
}
