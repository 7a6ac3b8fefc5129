import type { IncomingHttpHeaders, OutgoingHttpHeader } from 'node:http';
import * as zlib from 'node:zlib';
import Negotiator from 'negotiator';
import { AUTHENTICATED_CACHE_CONTROL } from './no-store.guard.js';

/** Images, archives, fonts and films are compressed already; server-sent events must not wait. */
export const COMPRESSIBLE_TYPES =
  /^(?:text\/(?!event-stream)[\w.+-]+|application\/(?:[\w.-]+\+)?(?:json|xml|javascript|yaml|x-ndjson|ndjson|wasm)|image\/svg\+xml)\s*(?:;|$)/i;

/** Node has Zstandard from 22.15 and 23.8. */
export const HAS_ZSTD = 'createZstdCompress' in zlib;

export type ContentCoding = 'zstd' | 'br' | 'gzip';

/** A request, as far as compression depends on it. */
export interface CompressibleRequest {
  readonly method?: string;
  readonly headers: IncomingHttpHeaders;
  /** The caller, where the request was authenticated. */
  readonly user?: unknown;
}

/** Reads a header of a response. */
export interface HeaderReader {
  (name: string): OutgoingHttpHeader | undefined;
}

/** Types of the package do not know the server's preference. */
interface CodingNegotiator {
  encoding(available: readonly string[], options: { readonly preferred: readonly string[] }): string | undefined;
}

/** Whether a response is compressed for a client that accepts it. */
export function isCompressible(request: CompressibleRequest, status: number, header: HeaderReader): boolean {
  if (request.method === 'HEAD' || status === 204 || status === 206 || status === 304) return false;
  if (header('content-encoding') !== undefined) return false;
  if (!COMPRESSIBLE_TYPES.test(String(header('content-type') ?? ''))) return false;
  if (String(header('cache-control') ?? '').includes('no-transform')) return false;
  return request.headers['x-no-compression'] === undefined && !isSecret(request, header);
}

/**
 * The size of a compressed response reveals a secret that stands next to text of the attacker's choice (BREACH,
 * https://www.breachattack.com). A route marks a response with a secret by `no-store`. The attack needs a foreign page
 * that makes the victim's browser send the request with its credentials. This works with cookies, and not with a token.
 */
function isSecret({ headers, user }: CompressibleRequest, header: HeaderReader): boolean {
  if (user && headers.authorization === undefined && headers['x-api-key'] === undefined) return true;
  // A response that sets a cookie carries a secret of this one client.
  if (header('set-cookie') !== undefined) return true;
  const cacheControl = String(header('cache-control') ?? '');
  return cacheControl !== AUTHENTICATED_CACHE_CONTROL && cacheControl.includes('no-store');
}

/**
 * The coding that the client weighs highest (RFC 9110, section 12.5.3), and the first of `codings` among equals.
 * Undefined: the client prefers the body as it is.
 */
export function codingFor<T extends ContentCoding>(headers: IncomingHttpHeaders, codings: readonly T[]): T | undefined {
  const accepted = headers['accept-encoding'];
  if (accepted === undefined) return undefined;
  // An old name of gzip (RFC 9110, section 8.4.1.3).
  const value = String(accepted).replace(/\bx-gzip\b/gi, 'gzip');
  const negotiator = new Negotiator({ headers: { 'accept-encoding': value } }) as CodingNegotiator;
  const coding = negotiator.encoding([...codings, 'identity'], { preferred: codings });
  return codings.find((known) => known === coding);
}

/** A strong validator belongs to the bytes on the wire (RFC 9110, section 8.8.1). */
export function weakEntityTag(etag: OutgoingHttpHeader | undefined): string | undefined {
  return typeof etag === 'string' && !etag.startsWith('W/') ? `W/${etag}` : undefined;
}
