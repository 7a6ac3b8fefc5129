import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { collectCredentials, hasIdentity, routePattern, type AdapterRequest } from '../context/index.js';
import { ProblemException } from '../problem/index.js';

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

/**
 * Stands for what was sent: target and body. Where no guard has checked who calls, the credentials are part of it: the
 * same key with other credentials is then refused, so that no caller gets the answer of another.
 */
export function fingerprintOf(request: AdapterRequest & { readonly body?: unknown }, isCallerKnown: boolean): string {
  return digest(request.url, JSON.stringify(request.body), ...(isCallerKnown ? [] : collectCredentials(request)));
}

/** Who asks: the user within the tenant, and else the address. */
export function callerOf({ user, ip }: AdapterRequest): string {
  if (user && hasIdentity(user)) return JSON.stringify(['user', user.tenantId ?? null, user.id]);
  return JSON.stringify(['address', ip ?? null]);
}

/** Who uses up memory: the same, but all addresses of an IPv6 network count as one, since one client has them all. */
export function shareOf(caller: string, { user, ip }: AdapterRequest): string {
  return digest(hasIdentity(user) || ip === undefined || !isIPv6(ip) ? caller : networkOf(ip));
}

function networkOf(address: string): string {
  const [head = '', tail] = address.replace(/%.*/, '').split('::');
  const groups = head.split(':').filter(Boolean);
  // An IPv4 address on an IPv6 socket is a client of its own.
  if (address.includes('.')) return address;
  const after = tail?.split(':').filter(Boolean) ?? [];
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - after.length) }, () => '0');
  return [...groups, ...zeros, ...after].slice(0, 4).join(':');
}
