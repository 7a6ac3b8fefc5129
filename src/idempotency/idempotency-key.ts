import { createHash } from 'node:crypto';
import { ProblemException, routePattern, type AdapterRequest } from '../common/index.js';

/**
 * A string of RFC 9651, as draft-ietf-httpapi-idempotency-key-header has it, or what most clients send: the same without
 * quotes.
 */
const QUOTED = /^"((?:[ !#-[\]-~]|\\["\\]){1,255})"$/;
const BARE = /^[!#-+\--[\]-~]{1,255}$/;

/** @throws ProblemException `IDEMPOTENCY_KEY_INVALID` */
export function parseKey(header: string): string {
  const quoted = QUOTED.exec(header)?.[1];
  if (quoted !== undefined) return quoted.replace(/\\(.)/g, '$1');
  if (BARE.test(header)) return header;
  throw new ProblemException(
    'IDEMPOTENCY_KEY_INVALID',
    'Send one Idempotency-Key of 1 to 255 printable ASCII characters, such as a UUID, without spaces and commas or in double quotes.',
  );
}

function digest(...parts: (string | null | undefined)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

/** Names caller, route and key: keys of different callers never meet. */
export function idOf(caller: string, request: AdapterRequest, key: string): string {
  return digest(caller, request.method, routePattern(request), key);
}

/** Stands for what was sent: target and body. */
export function fingerprintOf(request: AdapterRequest & { readonly body?: unknown }): string {
  return digest(request.url, JSON.stringify(request.body));
}

/** Who asks: the user within his tenant, and else the address. */
export function callerOf({ user, ip }: AdapterRequest): string {
  return user ? JSON.stringify(['user', user.tenantId ?? null, user.id]) : JSON.stringify(['address', ip ?? null]);
}
