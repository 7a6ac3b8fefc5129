import type { OutgoingHttpHeader, ServerResponse } from 'node:http';
import { pipeline, Stream, type Readable } from 'node:stream';
import type { AdapterRequest } from '../context/index.js';
import { varied, weakened, type Compressor } from './compressor.js';

/** A reply of Fastify, as far as it is used here. */
export interface FastifyReply {
  readonly raw: ServerResponse;
  readonly statusCode: number;
  getHeader(name: string): OutgoingHttpHeader | undefined;
  header(name: string, value: OutgoingHttpHeader): unknown;
  removeHeader(name: string): unknown;
}

export type PayloadDone = (error: Error | null, payload?: unknown) => void;

/** An `onSend` hook that compresses what Fastify is about to send. */
export function compressPayload(
  compressor: Compressor,
  request: AdapterRequest,
  reply: FastifyReply,
  payload: unknown,
  done: PayloadDone,
): void {
  const isStream = payload instanceof Stream && 'pipe' in payload;
  const isLarge = (typeof payload === 'string' || Buffer.isBuffer(payload)) && isAtLeast(compressor, payload);
  const isBodied = request.method !== 'HEAD' && reply.statusCode !== 206;
  const header = (name: string) => reply.getHeader(name) ?? reply.raw.getHeader(name);
  if (!(isLarge || isStream) || !isBodied || !compressor.isCandidate(request, header)) {
    return done(null, payload);
  }
  reply.header('vary', varied(header('vary')));
  const coding = compressor.codingFor(request.headers);
  if (coding === 'identity') return done(null, payload);
  announce(reply, coding);
  if (isStream)
    return done(
      null,
      pipeline(payload as Readable, compressor.stream(coding), () => undefined),
    );
  const result = compressor.compress(coding, Buffer.isBuffer(payload) ? payload : Buffer.from(payload as string));
  if (Buffer.isBuffer(result)) done(null, result);
  else void settle(result, done);
}

async function settle(result: Promise<Buffer>, done: PayloadDone): Promise<void> {
  let bytes;
  try {
    bytes = await result;
  } catch (error) {
    return done(error as Error);
  }
  done(null, bytes);
}

/** A character is a byte at least, so that most are never counted. */
function isAtLeast({ thresholdBytes }: Compressor, payload: string | Buffer): boolean {
  return payload.length >= thresholdBytes || Buffer.byteLength(payload) >= thresholdBytes;
}

function announce(reply: FastifyReply, coding: string): void {
  reply.header('content-encoding', coding);
  reply.removeHeader('content-length');
  const etag = weakened(reply.getHeader('etag'));
  if (etag !== undefined) reply.header('etag', etag);
}
