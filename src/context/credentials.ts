import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/** Common headers in which a client, or a proxy for the client, sends the caller's identity. */
const CREDENTIAL_HEADERS: readonly string[] = [
  'authorization',
  'cookie',
  'proxy-authorization',
  'x-api-key',
  'api-key',
  'apikey',
  'x-auth-token',
  'x-access-token',
  'x-session-token',
  'x-user-id',
  'x-user',
  'x-forwarded-user',
  'x-forwarded-email',
  'x-forwarded-access-token',
  'x-auth-request-user',
  'x-remote-user',
  'remote-user',
  'x-authenticated-user',
  'x-goog-authenticated-user-id',
  'x-goog-iap-jwt-assertion',
  'x-amzn-oidc-data',
  'x-amzn-oidc-identity',
  'x-ms-client-principal',
  'cf-access-jwt-assertion',
  // Client certificates that a proxy has verified (RFC 9440 and its predecessors).
  'client-cert',
  'x-client-cert',
  'x-forwarded-client-cert',
  'x-ssl-client-cert',
  'x-ssl-cert',
  'x-arr-clientcert',
];

/** The part of an adapter's request that holds credentials. */
interface CredentialRequest {
  readonly headers: IncomingHttpHeaders;
  readonly raw?: IncomingMessage;
}

/**
 * Returns everything in a request that may identify its caller, in a fixed order: headers first, then the client
 * certificate if the client connects to this process over TLS. Empty for a request without credentials.
 *
 * @param moreHeaders further header names, in lower case
 */
export function collectCredentials(request: CredentialRequest, moreHeaders: readonly string[] = []): readonly string[] {
  const found: string[] = [];
  for (const names of [CREDENTIAL_HEADERS, moreHeaders]) {
    for (const name of names) {
      const value = request.headers[name];
      if (value !== undefined) found.push(`${name}: ${String(value)}`);
    }
  }
  const certificate = getCertificateFingerprint(request);
  if (certificate !== undefined) found.push(`certificate: ${certificate}`);
  return found;
}

function getCertificateFingerprint(request: CredentialRequest): string | undefined {
  const { socket } = (request.raw ?? request) as { readonly socket?: Partial<TLSSocket> };
  return socket?.getPeerCertificate?.()?.fingerprint256;
}

/**
 * Whether a `request.user` identifies one user. A guard of another package may set a `request.user` that is not a
 * {@link Principal} and has no id.
 */
export function hasIdentity(user: unknown): boolean {
  const { id } = (user ?? {}) as { readonly id?: unknown };
  return (typeof id === 'string' && id !== '') || (typeof id === 'number' && Number.isFinite(id));
}
