import type { IncomingMessage, ServerResponse } from 'node:http';
import { Transform, type Duplex, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { ProblemException } from '../problem/index.js';

const DECODERS: Readonly<Record<string, () => Duplex>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

export function createTooLargeProblem(): ProblemException {
  return new ProblemException('PAYLOAD_TOO_LARGE', 'The body is larger than this API accepts. Send a smaller body.');
}

/**
 * Makes every reader of a request's body fail with `error`, without closing the connection, so that the response can
 * still be sent.
 */
export function failBody(request: IncomingMessage, error: ProblemException): void {
  // An error event without a listener would end the process.
  request.on('error', ignore);
  request.emit('error', error);
  request.off('error', ignore);
}

function ignore(): void {}

/**
 * Limits a body that another library reads from the request, such as multer. Bytes over the limit are discarded before the
 * reader gets them, and the reader gets an error. It gets the error again with each further chunk, because multer and
 * Nest's upload interceptors wait for the end of the body, or for another error, before they respond.
 */
export function limitBody(request: IncomingMessage, limit: number): void {
  const push = request.push.bind(request);
  let length = 0;
  request.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    length += chunk?.length ?? 0;
    if (chunk === null || length <= limit) return push(chunk, encoding);
    failBody(request, createTooLargeProblem());
    return true;
  };
}

/**
 * Returns the body as a stream of at most `limit` bytes, without its content coding. When the stream fails or is destroyed,
 * or the response has been sent, the rest of the body is read and discarded.
 */
export function openBody(
  request: IncomingMessage,
  response: ServerResponse,
  limit: number,
  coding: string | undefined,
): Readable {
  limitBody(request, limit);
  let length = 0;
  const output = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      length += chunk.length;
      if (length > limit) done(createTooLargeProblem());
      else done(null, chunk);
    },
  });
  const decoder = coding === undefined ? undefined : DECODERS[coding]?.();
  const fail = (error: Error) => output.destroy(error);
  const onClose = () => {
    if (!request.readableEnded) fail(new ProblemException('BAD_REQUEST', 'The connection closed too early.'));
  };
  decoder?.on('error', (cause) =>
    fail(new ProblemException('BAD_REQUEST', `The body is not valid ${coding} data.`, { cause })),
  );
  // Otherwise a body that the handler does not read would block the connection.
  response.once('close', () => output.destroy());
  request.on('error', fail).on('close', onClose);
  output.once('close', () => {
    request.off('error', fail).off('close', onClose).unpipe().resume();
    decoder?.destroy();
  });
  (decoder ? request.pipe(decoder) : request).pipe(output);
  return output;
}
