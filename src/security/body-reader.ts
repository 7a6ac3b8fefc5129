import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import { ProblemException } from '../problem/index.js';

/**
 * Reads a body of at most `limit` bytes. If the declared length is larger, the body is rejected at once. Otherwise it is
 * rejected at the chunk that exceeds the limit. The rest of the body is read and discarded, so that the client can read
 * the response and reuse the connection.
 */
export function readBody(
  request: IncomingMessage,
  limit: number,
  done: (error: ProblemException | undefined, body?: Buffer) => void,
): void {
  if (Number(request.headers['content-length'] ?? 0) > limit) {
    request.resume();
    done(createTooLargeProblem());
    return;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  // The events of a request run outside its asynchronous context.
  const doneInContext = AsyncResource.bind(done);
  const finish = (error: ProblemException | undefined, body?: Buffer) => {
    request.off('data', onData).off('end', onEnd).off('error', onBreak).off('close', onBreak);
    // An error event without a listener would end the process.
    if (error) request.on('error', () => undefined).resume();
    doneInContext(error, body);
  };
  const onData = (chunk: Buffer) => {
    length += chunk.length;
    if (length > limit) finish(createTooLargeProblem());
    else chunks.push(chunk);
  };
  const onEnd = () => finish(undefined, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, length));
  const onBreak = () =>
    finish(new ProblemException('BAD_REQUEST', 'The connection closed before the body was complete.'));
  request.on('data', onData).on('end', onEnd).on('error', onBreak).on('close', onBreak);
}

function createTooLargeProblem(): ProblemException {
  return new ProblemException('PAYLOAD_TOO_LARGE', 'The body is larger than this API accepts. Send a smaller body.');
}
