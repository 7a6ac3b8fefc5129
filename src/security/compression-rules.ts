import type { IncomingHttpHeaders, OutgoingHttpHeader } from 'node:http';
import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { contentCoding, type ContentCoding } from './content-coding.js';
import { AUTHENTICATED_CACHE_CONTROL } from './no-store.guard.js';
import type { CompressionOptions } from './security.options.js';

/** What gets smaller. Images, archives, fonts and films are compressed by nature; events must not wait. */
const COMPRESSIBLE =
  /^(?:text\/(?!event-stream)[\w.+-]+|application\/(?:[\w.-]+\+)?(?:json|xml|javascript|yaml|x-ndjson|ndjson|wasm)|image\/svg\+xml)\s*(?:;|$)/i;

const { constants } = zlib;

/** Larger bodies are compressed by a thread of the pool, smaller ones here: handing them over would cost more. */
const MAX_AT_ONCE_BYTES = 16_384;

type Coder = Exclude<ContentCoding, 'identity'>;

/** As far as Node's types of version 20 do not know it. */
interface Zstd {
  createZstdCompress: (options: object) => Transform;
  zstdCompressSync: (data: Buffer, options: object) => Buffer;
  zstdCompress: (data: Buffer, options: object, done: (error: Error | null, result: Buffer) => void) => void;
  readonly constants: { readonly ZSTD_c_compressionLevel: number; readonly ZSTD_e_flush: number };
}

/** What is asked about a request. */
export interface AskingRequest {
  readonly headers: IncomingHttpHeaders;
  /** Set by whoever has authenticated it. */
  readonly user?: unknown;
}

/** The headers of a response, whoever keeps them. */
export interface HeaderReader {
  (name: string): OutgoingHttpHeader | undefined;
}

/** What both adapters ask about a response before they compress it, and what they compress it with. */
export class Compressor {
  readonly thresholdBytes: number;

  constructor(private readonly options: Required<CompressionOptions>) {
    this.thresholdBytes = options.thresholdBytes;
  }

  /** Whether the coding of a response is open: it might be sent compressed to a client that asks. */
  isCandidate(request: AskingRequest, header: HeaderReader): boolean {
    if (header('content-encoding') !== undefined) return false;
    if (!COMPRESSIBLE.test(String(header('content-type') ?? ''))) return false;
    return request.headers['x-no-compression'] === undefined && !isSecret(request, header);
  }

  codingFor(request: IncomingHttpHeaders): ContentCoding {
    const accepted = request['accept-encoding'];
    return typeof accepted === 'string' ? contentCoding(accepted) : 'identity';
  }

  /** Compresses a whole body; now, where it is small enough. */
  compress(coding: Coder, body: Buffer): Buffer | Promise<Buffer> {
    const isSmall = body.length <= MAX_AT_ONCE_BYTES;
    const { brotliQuality, gzipLevel, zstdLevel } = this.options;
    if (coding === 'gzip') {
      const options = { level: gzipLevel };
      return isSmall ? zlib.gzipSync(body, options) : promisify<Buffer, object, Buffer>(zlib.gzip)(body, options);
    }
    if (coding === 'br') {
      const params = {
        [constants.BROTLI_PARAM_QUALITY]: brotliQuality,
        [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
      };
      return isSmall ? zlib.brotliCompressSync(body, { params }) : promisify(zlib.brotliCompress)(body, { params });
    }
    const zstd = zlib as unknown as Zstd;
    const params = { [zstd.constants.ZSTD_c_compressionLevel]: zstdLevel };
    return isSmall ? zstd.zstdCompressSync(body, { params }) : promisify(zstd.zstdCompress)(body, { params });
  }

  /** Compresses a stream; each chunk to its end, so that it is sent and does not wait for the next. */
  stream(coding: Coder): Transform {
    const { brotliQuality, gzipLevel, zstdLevel } = this.options;
    if (coding === 'gzip') return zlib.createGzip({ level: gzipLevel, flush: constants.Z_SYNC_FLUSH });
    if (coding === 'br') {
      const params = { [constants.BROTLI_PARAM_QUALITY]: brotliQuality };
      return zlib.createBrotliCompress({ params, flush: constants.BROTLI_OPERATION_FLUSH });
    }
    const zstd = zlib as unknown as Zstd;
    const params = { [zstd.constants.ZSTD_c_compressionLevel]: zstdLevel };
    return zstd.createZstdCompress({ params, flush: zstd.constants.ZSTD_e_flush });
  }
}

/**
 * The size of a compressed secret tells of it, next to text of an attacker's choice (BREACH,
 * https://www.breachattack.com). A route says that it holds one by `no-store`. For the attack, a foreign page has to
 * have the victim's browser send the request, with its credentials: it can with cookies, and not with a token.
 */
function isSecret({ headers, user }: AskingRequest, header: HeaderReader): boolean {
  if (user && headers.authorization === undefined && headers['x-api-key'] === undefined) return true;
  // Who sets a cookie hands out something of that one client.
  if (header('set-cookie') !== undefined) return true;
  const cacheControl = String(header('cache-control') ?? '');
  return cacheControl !== AUTHENTICATED_CACHE_CONTROL && cacheControl.includes('no-store');
}

/** A strong validator is of the bytes on the wire (RFC 9110, section 8.8.1). */
export function weakened(etag: OutgoingHttpHeader | undefined): string | undefined {
  return typeof etag === 'string' && !etag.startsWith('W/') ? `W/${etag}` : undefined;
}

/** The field with `Accept-Encoding` in it. */
export function varied(vary: OutgoingHttpHeader | undefined): string {
  const value = Array.isArray(vary) ? vary.join(', ') : String(vary ?? '');
  if (value === '') return 'Accept-Encoding';
  return value === '*' || /\baccept-encoding\b/i.test(value) ? value : `${value}, Accept-Encoding`;
}
