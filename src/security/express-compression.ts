import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants } from 'node:zlib';
import { loadPackage } from '../common/index.js';
import { codingFor, isCompressible, weakEntityTag } from './compression-rules.js';
import type { CompressionOptions } from './security.options.js';

type Middleware = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;

type ExpressRequest = IncomingMessage & { readonly user?: unknown };

/** The options of `compression` that are used here. */
interface PackageOptions {
  threshold: number;
  level: number;
  flush: number;
  brotli: object;
  filter(request: ExpressRequest, response: ServerResponse): boolean;
}

/** `compression` has no Zstandard. */
const CODINGS = ['br', 'gzip'] as const;

/** Middleware that compresses the responses of Express by `compression`. */
export async function expressCompression(options: Required<CompressionOptions>): Promise<Middleware> {
  const { default: compression } = await loadPackage<{ default: (options: PackageOptions) => Middleware }>(
    'compression',
    'The compression of responses on Express',
  );
  const { thresholdBytes: threshold, gzipLevel, brotliQuality } = options;
  const compress = compression({
    threshold,
    level: gzipLevel,
    // Each chunk of a stream is sent at once, and does not wait for the next.
    flush: constants.Z_SYNC_FLUSH,
    brotli: {
      params: { [constants.BROTLI_PARAM_QUALITY]: brotliQuality },
      flush: constants.BROTLI_OPERATION_FLUSH,
    },
    // The package calls it when the headers are complete, and chooses the coding after it.
    filter: (request, response) => {
      if (!isCompressible(request, response.statusCode, (name) => response.getHeader(name))) return false;
      const coding = codingFor(request.headers, CODINGS);
      // The package would offer deflate, too, which clients read in two ways.
      request.headers['accept-encoding'] = coding ?? 'identity';
      const isSmall = Number(response.getHeader('content-length')) < threshold;
      const etag = coding && !isSmall ? weakEntityTag(response.getHeader('etag')) : undefined;
      if (etag !== undefined) response.setHeader('ETag', etag);
      return true;
    },
  });
  return (request, response, next) => {
    const on = response.on.bind(response) as ServerResponse['on'];
    compress(request, response, () => {
      keepDrainListeners(response, on);
      next();
    });
  };
}

/**
 * The package moves listeners of `drain` to its own stream. They stay at the response here, where `ResponseHold` wakes a
 * writer that it has kept waiting.
 */
function keepDrainListeners(response: ServerResponse, on: ServerResponse['on']): void {
  const moveToStream = response.on.bind(response);
  response.on = on;
  moveToStream('drain', function (this: EventEmitter) {
    // Where nothing is compressed, the listener is at the response itself.
    if (this !== response) response.emit('drain');
  });
}
