import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { collectCredentials, hasIdentity, routePattern, type AdapterRequest } from '../context/index.js';
import { ProblemException } from '../problem/index.js';

/**
 * A string of RFC 9651, as required by draft-ietf-httpapi-idempotency-key-header. Most clients send it without quotes, so
 * that form is accepted too.
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

/** Creates the id of a claim from caller, route and key, so that keys of different callers are never equal. */
export function createClaimId(caller: string, request: AdapterRequest, key: string): string {
  return digest(caller, request.method, routePattern(request), key);
}

/**
 * Creates a hash of target and body. If no guard has authenticated the caller, the credentials are part of the hash. Then
 * the same key with other credentials is rejected, so that no caller gets the response of another caller.
 */
export function createFingerprint(
  request: AdapterRequest & { readonly body?: unknown },
  isCallerKnown: boolean,
): string {
  return digest(request.url, JSON.stringify(request.body), ...(isCallerKnown ? [] : collectCredentials(request)));
}

/** Identifies the caller: the user in the tenant, or the address without a user. */
export function getCaller({ user, ip }: AdapterRequest): string {
  if (user && hasIdentity(user)) return JSON.stringify(['user', user.tenantId ?? null, user.id]);
  return JSON.stringify(['address', ip ?? null]);
}

/** Identifies the caller for the memory budget. All addresses of an IPv6 /64 network count as one caller. */
export function getBudgetCaller(caller: string, { user, ip }: AdapterRequest): string {
  return digest(hasIdentity(user) || ip === undefined || !isIPv6(ip) ? caller : getNetwork(ip));
}

function getNetwork(address: string): string {
  const [head = '', tail] = address.replace(/%.*/, '').split('::');
  const groups = head.split(':').filter(Boolean);
  // An IPv4-mapped address is one client.
  if (address.includes('.')) return address;
  const after = tail?.split(':').filter(Boolean) ?? [];
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - after.length) }, () => '0');
  return [...groups, ...zeros, ...after].slice(0, 4).join(':');
}
