import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import { ProblemException } from '../problem/index.js';

/**
 * Reads a body of at most `limit` bytes. A declared length that is larger is refused at once; what comes in chunks, with
 * the chunk that goes too far. The rest is read away, so that the client can read the answer and use the connection on.
 */
export function readBody(
  request: IncomingMessage,
  limit: number,
  done: (error: ProblemException | undefined, body?: Buffer) => void,
): void {
  if (Number(request.headers['content-length'] ?? 0) > limit) {
    request.resume();
    done(tooLarge());
    return;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  // The events of a request run outside of its asynchronous context.
  const settle = AsyncResource.bind(done);
  const finish = (error: ProblemException | undefined, body?: Buffer) => {
    request.off('data', onData).off('end', onEnd).off('error', onBreak).off('close', onBreak);
    // Somebody has to listen: an error without a listener ends the process.
    if (error) request.on('error', () => undefined).resume();
    settle(error, body);
  };
  const onData = (chunk: Buffer) => {
    length += chunk.length;
    if (length > limit) finish(tooLarge());
    else chunks.push(chunk);
  };
  const onEnd = () => finish(undefined, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, length));
  const onBreak = () => finish(new ProblemException('BAD_REQUEST', 'The body broke off.'));
  request.on('data', onData).on('end', onEnd).on('error', onBreak).on('close', onBreak);
}

function tooLarge(): ProblemException {
  return new ProblemException('PAYLOAD_TOO_LARGE', 'The body is larger than this API takes. Send less at once.');
}
