import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Transform } from 'node:stream';
import { varied, weakened, type Compressor } from './compressor.js';

type Write = ServerResponse['write'];
type End = ServerResponse['end'];
type Callback = (error?: Error | null) => void;

/**
 * Compresses what an Express response is given. Whole bodies, which is nearly all of them, are looked at when they are
 * ended, and small ones go on as they are; nothing is set up for them.
 */
export function compressResponse(request: IncomingMessage, response: ServerResponse, compressor: Compressor): void {
  const coding = compressor.codingFor(request.headers);
  const write = response.write.bind(response) as Write;
  const end = response.end.bind(response) as End;
  let stream: Transform | undefined;
  let isDecided = false;
  /** The coding to use, if any; headers are settled by then. */
  const decide = () => {
    isDecided = true;
    if (response.headersSent || !isBodied(request, response)) return undefined;
    if (!compressor.isCandidate(request, (name) => response.getHeader(name))) return undefined;
    response.setHeader('Vary', varied(response.getHeader('Vary')));
    return coding === 'identity' ? undefined : coding;
  };

  response.write = ((chunk: string | Buffer, encoding?: BufferEncoding | Callback, done?: Callback) => {
    if (!isDecided) {
      const chosen = decide();
      if (chosen) {
        announce(response, chosen);
        stream = pump(compressor.stream(chosen), write, end, response);
      }
    }
    if (!stream) return (write as (...args: unknown[]) => boolean)(chunk, encoding, done);
    return stream.write(chunk, ...(typeof encoding === 'string' ? ([encoding, done] as const) : ([encoding] as never)));
  }) as Write;

  response.end = ((chunk?: string | Buffer | Callback, encoding?: BufferEncoding | Callback, done?: Callback) => {
    const pass = (): ServerResponse => (end as (...args: unknown[]) => ServerResponse)(chunk, encoding, done);
    if (stream) {
      if (typeof chunk === 'string' || Buffer.isBuffer(chunk)) stream.end(chunk, encoding as BufferEncoding);
      else stream.end();
      return response;
    }
    if (isDecided || chunk === undefined || chunk === null || typeof chunk === 'function') return pass();
    const size = typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding as BufferEncoding) : chunk.length;
    const chosen = size < compressor.thresholdBytes ? undefined : decide();
    if (!chosen) return pass();
    const body = typeof chunk === 'string' ? Buffer.from(chunk, encoding as BufferEncoding) : chunk;
    announce(response, chosen);
    const result = compressor.compress(chosen, body);
    const send = (bytes: Buffer) => {
      response.setHeader('Content-Length', bytes.length);
      end(bytes);
    };
    if (Buffer.isBuffer(result)) send(result);
    else result.then(send, (error: Error) => response.destroy(error));
    return response;
  }) as End;
}

function isBodied({ method }: IncomingMessage, { statusCode }: ServerResponse): boolean {
  return method !== 'HEAD' && statusCode !== 204 && statusCode !== 304 && statusCode !== 206;
}

function announce(response: ServerResponse, coding: string): void {
  response.setHeader('Content-Encoding', coding);
  response.removeHeader('Content-Length');
  const etag = weakened(response.getHeader('ETag'));
  if (etag !== undefined) response.setHeader('ETag', etag);
}

/** What the stream makes goes to the response, at the pace of the client. */
function pump(stream: Transform, write: Write, end: End, response: ServerResponse): Transform {
  stream.on('data', (chunk: Buffer) => {
    if (!write(chunk)) stream.pause();
  });
  stream.on('end', () => end());
  stream.on('error', (error) => response.destroy(error));
  // Writers wait for the response to drain, and what has filled up may be the stream.
  stream.on('drain', () => response.emit('drain'));
  response.on('drain', () => stream.resume());
  response.once('close', () => stream.destroy());
  return stream;
}
