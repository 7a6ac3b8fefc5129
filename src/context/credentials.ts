import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/** Headers by which clients, or proxies on their behalf, commonly say who calls. */
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
  // Client certificates that a proxy has looked at (RFC 9440 and what came before it).
  'client-cert',
  'x-client-cert',
  'x-forwarded-client-cert',
  'x-ssl-client-cert',
  'x-ssl-cert',
  'x-arr-clientcert',
];

/** The part of an adapter's request that credentials come in. */
interface Carrier {
  readonly headers: IncomingHttpHeaders;
  readonly raw?: IncomingMessage;
}

/**
 * Everything in a request that may tell its caller from others, in a fixed order: headers, and the certificate of a
 * client that connects to this process over TLS. Empty for a request without credentials.
 *
 * @param moreHeaders names in lower case
 */
export function credentialsOf(request: Carrier, moreHeaders: readonly string[] = []): readonly string[] {
  const found: string[] = [];
  for (const names of [CREDENTIAL_HEADERS, moreHeaders]) {
    for (const name of names) {
      const value = request.headers[name];
      if (value !== undefined) found.push(`${name}: ${String(value)}`);
    }
  }
  const certificate = clientCertificateOf(request);
  if (certificate !== undefined) found.push(`certificate: ${certificate}`);
  return found;
}

function clientCertificateOf(request: Carrier): string | undefined {
  const { socket } = (request.raw ?? request) as { readonly socket?: Partial<TLSSocket> };
  return socket?.getPeerCertificate?.()?.fingerprint256;
}

/**
 * What guards of other packages leave in `request.user` need not be a principal of the suite: without an id it does not
 * tell one user from another.
 */
export function hasIdentity(user: unknown): boolean {
  const { id } = (user ?? {}) as { readonly id?: unknown };
  return (typeof id === 'string' && id !== '') || (typeof id === 'number' && Number.isFinite(id));
}
