import type { ServerResponse } from 'node:http';
import { Stream } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { AdapterRequest } from '../context/request-context.js';
import type { ProblemFilter } from './problem.filter.js';

type Done = (error?: unknown) => void;

interface FastifyInstance {
  addHook(name: 'onSend', hook: (request: AdapterRequest, reply: object, payload: unknown, done: Done) => void): void;
}

interface ReplyingAdapter {
  reply(response: ServerResponse, body: unknown, status?: number): unknown;
}

/**
 * Reports streams that fail while they are sent, and breaks off their responses. Fastify does not report them, and Express
 * reports them as a closed connection.
 */
export function reportStreamErrors(adapter: AbstractHttpAdapter | undefined, filter: ProblemFilter): void {
  const onError = (error: Error, request: AdapterRequest, response: object) => {
    const { raw = response as ServerResponse } = response as { raw?: ServerResponse };
    if (raw.headersSent) filter.sendProblem(error, request, response);
  };
  if (adapter?.getType() === 'fastify') {
    (adapter.getInstance() as FastifyInstance).addHook('onSend', (request, reply, payload, done) => {
      if (payload instanceof Stream) payload.once('error', (error: Error) => onError(error, request, reply));
      done();
    });
  } else if (adapter?.getType() === 'express') {
    const replying = adapter as unknown as ReplyingAdapter;
    const reply = replying.reply.bind(adapter);
    replying.reply = (response, body, status) => {
      if (body instanceof StreamableFile) {
        body.getStream().once('error', (error) => onError(error, response.req as never, response));
      }
      return reply(response, body, status);
    };
  }
}
