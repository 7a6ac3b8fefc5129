import type { OutgoingHttpHeader, ServerResponse } from 'node:http';
import { pipeline, Stream, type Readable, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { loadPackage } from '../common/index.js';
import type { AdapterRequest } from '../context/index.js';
import { withoutCompression } from '../ports/index.js';
import {
  codingFor,
  COMPRESSIBLE_TYPES,
  HAS_ZSTD,
  isCompressible,
  weakEntityTag,
  type ContentCoding,
} from './compression-rules.js';
import type { CompressionOptions } from './security.options.js';

interface FastifyReply {
  readonly raw: ServerResponse;
  readonly statusCode: number;
  getHeader(name: string): OutgoingHttpHeader | undefined;
  header(name: string, value: OutgoingHttpHeader): unknown;
  removeHeader(name: string): unknown;
}

type PayloadDone = (error: Error | null, payload?: unknown) => void;

interface FastifyInstance {
  addHook(
    name: 'onSend',
    hook: (request: AdapterRequest, reply: FastifyReply, payload: unknown, done: PayloadDone) => void,
  ): void;
  register(plugin: object, options: object): PromiseLike<unknown>;
}

/** Node's types of version 20 do not know Zstandard. */
interface Zstd {
  createZstdCompress(options: object): Transform;
  readonly constants: { readonly ZSTD_c_compressionLevel: number; readonly ZSTD_e_flush: number };
}

/** Zstandard compresses about as well as Brotli at the qualities used here, in a fraction of the time. */
const CODINGS: readonly ContentCoding[] = HAS_ZSTD ? ['zstd', 'br', 'gzip'] : ['br', 'gzip'];

const { constants } = zlib;
const zstd = zlib as unknown as Zstd;

/**
 * Compresses the responses of Fastify by `@fastify/compress`. The plugin has no filter, so a hook in front of it applies
 * the rules and names the coding to use. The plugin's own reading of `Accept-Encoding` takes `*` for gzip, also where the
 * client refuses gzip.
 */
export async function compressFastify(fastify: FastifyInstance, options: Required<CompressionOptions>): Promise<void> {
  const { default: plugin } = await loadPackage<{ default: object }>(
    '@fastify/compress',
    'The compression of responses on Fastify',
  );
  const { thresholdBytes: threshold, brotliQuality, gzipLevel, zstdLevel } = options;
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const isStream = payload instanceof Stream && 'pipe' in payload;
    const isWhole = (typeof payload === 'string' || Buffer.isBuffer(payload)) && isAtLeast(threshold, payload);
    if (!isStream && !isWhole) return done(null, payload);
    const header = (name: string) => reply.getHeader(name) ?? reply.raw.getHeader(name);
    if (!isCompressible(request, reply.statusCode, header) || (isWhole && looksCompressed(payload))) {
      withoutCompression(request);
      return done(null, payload);
    }
    // The plugin sets it on compressed responses alone, and a cache would give the others to every client.
    reply.header('vary', withAcceptEncoding(header('vary')));
    const coding = codingFor(request.headers, CODINGS);
    request.headers['accept-encoding'] = coding ?? 'identity';
    if (!coding) return done(null, payload);
    const etag = weakEntityTag(header('etag'));
    if (etag !== undefined) reply.header('etag', etag);
    if (!isStream) return done(null, payload);
    // See looksCompressed(): the plugin sends some streams as they are under the name of a coding.
    reply.header('content-encoding', coding);
    reply.removeHeader('content-length');
    done(
      null,
      pipeline(payload as Readable, streamEncoder(coding, options), () => undefined),
    );
  });
  // Waited for, because the plugin is added to routes that are registered after it.
  await fastify.register(plugin, {
    customTypes: COMPRESSIBLE_TYPES,
    encodings: [...CODINGS],
    threshold,
    brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: brotliQuality } },
    // For gzip and Zstandard alike: each ignores what is meant for the other.
    zlibOptions: { level: gzipLevel, ...(HAS_ZSTD && { params: zstdParams(zstdLevel) }) },
    // SecurityModule decodes or refuses compressed requests.
    globalDecompression: false,
  });
}

/** Compresses each chunk completely, so that it is sent at once and does not wait for the next. */
function streamEncoder(
  coding: ContentCoding,
  { brotliQuality, gzipLevel, zstdLevel }: Required<CompressionOptions>,
): Transform {
  if (coding === 'gzip') return zlib.createGzip({ level: gzipLevel, flush: constants.Z_SYNC_FLUSH });
  if (coding === 'br') {
    const params = { [constants.BROTLI_PARAM_QUALITY]: brotliQuality };
    return zlib.createBrotliCompress({ params, flush: constants.BROTLI_OPERATION_FLUSH });
  }
  return zstd.createZstdCompress({ params: zstdParams(zstdLevel), flush: zstd.constants.ZSTD_e_flush });
}

function zstdParams(level: number): Record<number, number> {
  return { [zstd.constants.ZSTD_c_compressionLevel]: level };
}

/**
 * Whether `@fastify/compress` takes a body for gzip or zlib data, by its first bytes. It then sends the body as it is, and
 * all the same with `Content-Encoding`, which no client can read. Plain text can begin so: "80", "x ", "hb"
 * (https://github.com/fastify/fastify-compress/issues/347).
 */
function looksCompressed(body: string | Buffer): boolean {
  const [first = 0, second = 0] = typeof body === 'string' ? Buffer.from(body.slice(0, 2)) : body;
  const isGzip = first === 0x1f && second === 0x8b;
  return isGzip || ((first & 0x8f) === 0x08 && (first * 256 + second) % 31 === 0);
}

/** Every character is at least one byte, so that most bodies are not counted. */
function isAtLeast(threshold: number, payload: string | Buffer): boolean {
  return payload.length >= threshold || Buffer.byteLength(payload) >= threshold;
}

/** In the plugin's spelling, which it looks for. */
function withAcceptEncoding(vary: OutgoingHttpHeader | undefined): string {
  const value = Array.isArray(vary) ? vary.join(', ') : String(vary ?? '');
  if (value === '') return 'accept-encoding';
  return value === '*' || /\baccept-encoding\b/i.test(value) ? value : `${value}, accept-encoding`;
}
