import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ForbiddenException, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { ExpressAdapter } from '@nestjs/platform-express';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ProblemException } from './problem.js';
import { ProblemFilter } from './problem.filter.js';
import type { AdapterRequest } from '../context/request-context.js';

class QuotaError extends Error {}

/** Translates the errors of another library, as an application would do. */
class TranslatingFilter extends ProblemFilter {
  protected override describe(error: unknown) {
    return super.describe(error instanceof QuotaError ? new ForbiddenException(error.message) : error);
  }
}

let toThrow: unknown;
let server: Server;
let url: string;

beforeAll(async () => {
  Logger.overrideLogger(false);
  const adapter = new ExpressAdapter();
  const host = new HttpAdapterHost();
  host.httpAdapter = adapter;
  const filter = new TranslatingFilter(host);
  adapter.use((request: AdapterRequest, response: unknown) => filter.sendProblem(toThrow, request, response));
  server = createServer(adapter.getInstance<(request: IncomingMessage) => void>());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

async function answerTo(error: unknown) {
  toThrow = error;
  const response = await fetch(`${url}/some/path?secret=1`);
  return { status: response.status, headers: response.headers, body: (await response.json()) as object };
}

it('sends the headers and the extension members of a problem', async () => {
  const { status, headers, body } = await answerTo(
    new ProblemException('RATE_LIMITED', 'Too fast.', {
      headers: { 'Retry-After': '7' },
      extensions: { violated: ['burst'] },
      cause: new Error('never sent'),
    }),
  );
  expect(status).toBe(429);
  expect(headers.get('retry-after')).toBe('7');
  expect(body).toEqual({
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    title: 'Too many requests',
    status: 429,
    detail: 'Too fast.',
    instance: '/some/path',
    requestId: expect.stringMatching(/^[\da-f-]{36}$/),
    code: 'RATE_LIMITED',
    violated: ['burst'],
  });
});

it('gives an id to a request that did not pass the pipeline, and hides the message of an unknown error', async () => {
  const { body } = await answerTo(new Error('hidden'));
  expect(body).toMatchObject({ status: 500, code: 'INTERNAL_ERROR', requestId: expect.any(String) });
  expect(JSON.stringify(body)).not.toContain('hidden');
});

it('translates the errors of another library when describe() is overridden', async () => {
  expect((await answerTo(new QuotaError('The disk quota is used up.'))).body).toMatchObject({
    status: 403,
    code: 'ACCESS_DENIED',
    detail: 'The disk quota is used up.',
  });
});

it('rethrows errors of other transports for their own handlers', () => {
  const context = new ExecutionContextHost([]);
  context.setType('ws');
  const error = new Error('for the socket');
  expect(() => new ProblemFilter(new HttpAdapterHost()).catch(error, context)).toThrow(error);
});
