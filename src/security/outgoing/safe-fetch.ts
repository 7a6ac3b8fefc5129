import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { AddressList } from '../address-list.js';
import { addressRefused, checkedLookup, systemResolver, type Resolver } from './checked-lookup.js';
import { OutgoingRequestError } from './outgoing-error.js';
import { isPublicAddress } from './public-address.js';

/** @publicApi */
export interface SafeFetchOptions {
  /** @default 'GET' */
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string | Buffer;
  /** For all of it, redirects included, milliseconds. @default 10000 */
  timeoutMs?: number;
  /** Largest body of the answer, bytes. @default 1048576 */
  maxBytes?: number;
  /** Redirects that are followed, each checked like the first URL. @default 3 */
  maxRedirects?: number;
  /** Schemes with their colon. @default ['https:'] */
  protocols?: readonly string[];
  /** Ports that may be asked. @default all */
  ports?: readonly number[];
  /** Networks that are not public and may be asked all the same, such as `10.1.2.0/24`. */
  allowAddresses?: readonly string[];
  /** @default the system's */
  resolver?: Resolver;
}

/** @publicApi */
export interface SafeResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** URL that answered, after redirects. */
  readonly url: string;
  readonly body: Buffer;
}

type Call = Required<Pick<SafeFetchOptions, 'method' | 'headers'>> & Pick<SafeFetchOptions, 'body'>;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** What another origin gets after a redirect; any other header may hold a key that was meant for the first one. */
const HARMLESS_HEADERS = new Set(['accept', 'accept-language', 'content-language', 'content-type', 'user-agent']);
/** Node would leave out the body, or frame it anew. */
const FRAMING_HEADERS = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'expect']);

/**
 * Requests a URL that somebody else chose: a webhook's target, a picture to import. It goes to the public Internet alone
 * (OWASP SSRF Prevention), whatever the name resolves to, however the address is spelt and wherever it redirects.
 *
 * @throws OutgoingRequestError
 * @publicApi
 */
export async function safeFetch(url: string | URL, options: SafeFetchOptions = {}): Promise<SafeResponse> {
  const { maxRedirects = 3, timeoutMs = 10_000 } = options;
  const signal = AbortSignal.timeout(timeoutMs);
  let target = parsed(url);
  let call: Call = { method: options.method ?? 'GET', headers: withoutFraming(options.headers), body: options.body };
  for (let redirects = 0; ; redirects++) {
    check(target, options);
    const response = await send(target, call, options, signal);
    const { location } = response.headers;
    if (!REDIRECTS.has(response.status) || location === undefined) return response;
    if (redirects === maxRedirects) {
      throw new OutgoingRequestError(
        'OUTGOING_REDIRECTS_EXCEEDED',
        `${String(url)} redirects more than ${redirects} times.`,
      );
    }
    const next = parsed(location, target);
    call = redirected(call, response.status, next.origin === target.origin);
    target = next;
  }
}

/** WHATWG URLs know one spelling of an IPv4 address: decimal, octal and hexadecimal ones are dotted after this. */
function parsed(url: string | URL, base?: URL): URL {
  if (!URL.canParse(String(url), base?.href))
    throw new OutgoingRequestError('OUTGOING_URL_INVALID', 'That is not a URL.');
  return new URL(String(url), base);
}

function check(url: URL, { protocols = ['https:'], ports, allowAddresses = [] }: SafeFetchOptions): void {
  if (!protocols.includes(url.protocol)) {
    throw new OutgoingRequestError('OUTGOING_SCHEME_REFUSED', `${url.protocol} is none of ${protocols.join(', ')}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new OutgoingRequestError('OUTGOING_CREDENTIALS_REFUSED', 'A URL with a user or a password is refused.');
  }
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  if (ports && !ports.includes(port)) {
    throw new OutgoingRequestError('OUTGOING_PORT_REFUSED', `Port ${port} is none of ${ports.join(', ')}`);
  }
  // Addresses are connected to without a look-up.
  const address = addressOf(url);
  if (isIP(address) !== 0 && !isWantedBy(allowAddresses)(address)) throw addressRefused(url.hostname, address);
}

function addressOf({ hostname }: URL): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

function isWantedBy(allowAddresses: readonly string[]): (address: string) => boolean {
  const allowed = new AddressList(allowAddresses);
  return (address) => isPublicAddress(address) || allowed.has(address);
}

function send(url: URL, call: Call, options: SafeFetchOptions, signal: AbortSignal): Promise<SafeResponse> {
  const { allowAddresses = [], resolver = systemResolver, maxBytes = 1_048_576 } = options;
  const isWanted = isWantedBy(allowAddresses);
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => reject(failure(cause, url, signal));
    const outgoing = request(
      url,
      {
        method: call.method,
        // A compressed answer may unfold to any size.
        headers: { 'Accept-Encoding': 'identity', ...call.headers },
        // A connection of its own: one from a pool was made for somebody else's check.
        agent: false,
        lookup: checkedLookup(resolver, isWanted),
        signal,
      },
      (incoming) => {
        receive(incoming, maxBytes).then(
          (body) => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, url: url.href, body }),
          fail,
        );
      },
    );
    outgoing.on('error', fail);
    // The second line: what the connection is made to, after all.
    outgoing.on('socket', (socket) =>
      socket.once('connect', () => {
        const { remoteAddress = '' } = socket;
        if (!isWanted(remoteAddress)) outgoing.destroy(addressRefused(url.hostname, remoteAddress));
      }),
    );
    outgoing.end(call.body);
  });
}

async function receive(incoming: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new OutgoingRequestError('OUTGOING_BODY_TOO_LARGE', `The answer is larger than ${maxBytes} bytes.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function failure(cause: Error, url: URL, signal: AbortSignal): OutgoingRequestError {
  if (cause instanceof OutgoingRequestError) return cause;
  if (signal.aborted) return new OutgoingRequestError('OUTGOING_TIMEOUT', `${url.origin} took too long.`, { cause });
  return new OutgoingRequestError('OUTGOING_FAILED', `${url.origin} could not be asked.`, { cause });
}

function withoutFraming(headers: SafeFetchOptions['headers'] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !FRAMING_HEADERS.has(name.toLowerCase())));
}

/** What is sent on after a redirect (https://fetch.spec.whatwg.org/#http-redirect-fetch). */
function redirected({ method, headers, body }: Call, status: number, isSameOrigin: boolean): Call {
  const becomesGet = status === 303 || ((status === 301 || status === 302) && method === 'POST');
  const isKept = (name: string) => {
    const field = name.toLowerCase();
    return (isSameOrigin || HARMLESS_HEADERS.has(field)) && !(becomesGet && field.startsWith('content-'));
  };
  return {
    method: becomesGet && method !== 'HEAD' ? 'GET' : method,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => isKept(name))),
    body: becomesGet ? undefined : body,
  };
}
