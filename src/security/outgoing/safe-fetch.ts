import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { AddressList } from '../address-list.js';
import { createAddressRefusedError, createCheckedLookup, systemResolver, type Resolver } from './checked-lookup.js';
import { OutgoingRequestError } from './outgoing-error.js';
import { isPublicAddress } from './public-address.js';

/** @publicApi */
export interface SafeFetchOptions {
  /** @default 'GET' */
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string | Buffer;
  /** Time limit for the whole request including redirects, in milliseconds. @default 10000 */
  timeoutMs?: number;
  /** Maximum size of the response body, in bytes. @default 1048576 */
  maxBytes?: number;
  /** Maximum number of redirects. Each redirect is checked like the first URL. @default 3 */
  maxRedirects?: number;
  /** Allowed schemes, with a colon. @default ['https:'] */
  protocols?: readonly string[];
  /** Allowed ports. @default all */
  ports?: readonly number[];
  /** Allowed addresses and networks that are not public, such as `10.1.2.0/24`. */
  allowAddresses?: readonly string[];
  /** @default the resolver of the operating system */
  resolver?: Resolver;
}

/** @publicApi */
export interface SafeResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** URL of the response, after redirects. */
  readonly url: string;
  readonly body: Buffer;
}

type OutgoingRequest = Required<Pick<SafeFetchOptions, 'method' | 'headers'>> & Pick<SafeFetchOptions, 'body'>;

const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308]);
/** Headers that are sent to another origin after a redirect. Any other header may hold a secret of the first origin. */
const CROSS_ORIGIN_HEADERS = new Set(['accept', 'accept-language', 'content-language', 'content-type', 'user-agent']);
/** Headers that would change the target or the framing of the request. Node sets them itself. */
const FRAMING_HEADERS = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'expect']);

/**
 * Requests a URL from a user, such as the target of a webhook or a picture to import. It connects only to the public
 * Internet (OWASP SSRF Prevention). The check covers resolved names, all spellings of addresses, and redirects.
 *
 * @throws OutgoingRequestError
 * @publicApi
 */
export async function safeFetch(url: string | URL, options: SafeFetchOptions = {}): Promise<SafeResponse> {
  const { maxRedirects = 3, timeoutMs = 10_000 } = options;
  const signal = AbortSignal.timeout(timeoutMs);
  let target = parseUrl(url);
  let request: OutgoingRequest = {
    method: options.method ?? 'GET',
    headers: removeFramingHeaders(options.headers),
    body: options.body,
  };
  for (let redirects = 0; ; redirects++) {
    assertAllowed(target, options);
    const response = await send(target, request, options, signal);
    const { location } = response.headers;
    if (!REDIRECT_STATUSES.has(response.status) || location === undefined) return response;
    if (redirects === maxRedirects) {
      throw new OutgoingRequestError(
        'OUTGOING_REDIRECTS_EXCEEDED',
        `${String(url)} redirects more than ${redirects} times.`,
      );
    }
    const next = parseUrl(location, target);
    request = createRedirectRequest(request, response.status, next.origin === target.origin);
    target = next;
  }
}

/** Parses a WHATWG URL. It converts decimal, octal and hexadecimal IPv4 addresses to the dotted form. */
function parseUrl(url: string | URL, base?: URL): URL {
  if (!URL.canParse(String(url), base?.href))
    throw new OutgoingRequestError('OUTGOING_URL_INVALID', 'The URL is not valid.');
  return new URL(String(url), base);
}

function assertAllowed(url: URL, { protocols = ['https:'], ports, allowAddresses = [] }: SafeFetchOptions): void {
  if (!protocols.includes(url.protocol)) {
    throw new OutgoingRequestError(
      'OUTGOING_SCHEME_REFUSED',
      `The scheme ${url.protocol} is not allowed. Allowed schemes: ${protocols.join(', ')}`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new OutgoingRequestError(
      'OUTGOING_CREDENTIALS_REFUSED',
      'A URL with a user name or a password is not allowed.',
    );
  }
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  if (ports && !ports.includes(port)) {
    throw new OutgoingRequestError(
      'OUTGOING_PORT_REFUSED',
      `The port ${port} is not allowed. Allowed ports: ${ports.join(', ')}`,
    );
  }
  // Node connects to an address without a look-up, so the address is checked here.
  const address = getHostAddress(url);
  if (isIP(address) !== 0 && !createAddressCheck(allowAddresses)(address))
    throw createAddressRefusedError(url.hostname, address);
}

function getHostAddress({ hostname }: URL): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

function createAddressCheck(allowAddresses: readonly string[]): (address: string) => boolean {
  const allowed = new AddressList(allowAddresses);
  return (address) => isPublicAddress(address) || allowed.has(address);
}

function send(url: URL, call: OutgoingRequest, options: SafeFetchOptions, signal: AbortSignal): Promise<SafeResponse> {
  const { allowAddresses = [], resolver = systemResolver, maxBytes = 1_048_576 } = options;
  const isAllowed = createAddressCheck(allowAddresses);
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => reject(toOutgoingError(cause, url, signal));
    const outgoing = request(
      url,
      {
        method: call.method,
        // A compressed response could expand to any size.
        headers: { 'Accept-Encoding': 'identity', ...call.headers },
        // Use a new connection. A pooled connection may have been opened under other options.
        agent: false,
        lookup: createCheckedLookup(resolver, isAllowed),
        signal,
      },
      (incoming) => {
        readResponseBody(incoming, maxBytes).then(
          (body) => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, url: url.href, body }),
          fail,
        );
      },
    );
    outgoing.on('error', fail);
    // A second check, of the address that the socket is really connected to.
    outgoing.on('socket', (socket) =>
      socket.once('connect', () => {
        const { remoteAddress = '' } = socket;
        if (!isAllowed(remoteAddress)) outgoing.destroy(createAddressRefusedError(url.hostname, remoteAddress));
      }),
    );
    outgoing.end(call.body);
  });
}

async function readResponseBody(incoming: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new OutgoingRequestError('OUTGOING_BODY_TOO_LARGE', `The response is larger than ${maxBytes} bytes.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function toOutgoingError(cause: Error, url: URL, signal: AbortSignal): OutgoingRequestError {
  if (cause instanceof OutgoingRequestError) return cause;
  if (signal.aborted)
    return new OutgoingRequestError('OUTGOING_TIMEOUT', `${url.origin} did not respond in time.`, { cause });
  return new OutgoingRequestError('OUTGOING_FAILED', `The request to ${url.origin} failed.`, { cause });
}

function removeFramingHeaders(headers: SafeFetchOptions['headers'] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !FRAMING_HEADERS.has(name.toLowerCase())));
}

/** Creates the request that follows a redirect (https://fetch.spec.whatwg.org/#http-redirect-fetch). */
function createRedirectRequest(
  { method, headers, body }: OutgoingRequest,
  status: number,
  isSameOrigin: boolean,
): OutgoingRequest {
  const becomesGet = status === 303 || ((status === 301 || status === 302) && method === 'POST');
  const isKept = (name: string) => {
    const field = name.toLowerCase();
    return (isSameOrigin || CROSS_ORIGIN_HEADERS.has(field)) && !(becomesGet && field.startsWith('content-'));
  };
  return {
    method: becomesGet && method !== 'HEAD' ? 'GET' : method,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => isKept(name))),
    body: becomesGet ? undefined : body,
  };
}
