import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProblemException } from '../problem/index.js';
import { createTooLargeProblem, openBody } from './body-stream.js';

type Done = (error: unknown, body?: Buffer) => void;

/**
 * Reads a body of at most `limit` bytes. If the declared length is larger, the body is rejected at once. Otherwise it is
 * rejected at the chunk that exceeds the limit. The rest of the body is read and discarded, so that the client can read
 * the response and reuse the connection.
 *
 * @param coding content coding that is removed. The limit applies to the result, and to the bytes that arrive
 */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  limit: number,
  coding: string | undefined,
  done: Done,
): void {
  if (Number(request.headers['content-length'] ?? 0) > limit) {
    request.resume();
    done(createTooLargeProblem());
    return;
  }
  const source = coding === undefined ? request : openBody(request, response, limit, coding);
  const chunks: Buffer[] = [];
  let length = 0;
  // The events of a request run outside its asynchronous context.
  const doneInContext = AsyncResource.bind(done);
  const finish = (error: unknown, body?: Buffer) => {
    source.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
    // An error event without a listener would end the process.
    if (error !== undefined) source.on('error', () => undefined).resume();
    doneInContext(error, body);
  };
  const onData = (chunk: Buffer) => {
    length += chunk.length;
    if (length > limit) finish(createTooLargeProblem());
    else chunks.push(chunk);
  };
  const onEnd = () => finish(undefined, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, length));
  const onError = (error: unknown) => finish(error instanceof ProblemException ? error : createBrokenOffProblem());
  const onClose = () => finish(createBrokenOffProblem());
  source.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
}

function createBrokenOffProblem(): ProblemException {
  return new ProblemException('BAD_REQUEST', 'The connection closed before the body was complete.');
}
