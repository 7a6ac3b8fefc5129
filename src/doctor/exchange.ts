import { request as requestHttp, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';

/** @publicApi */
export interface RequestOptions {
  method?: string;
  headers?: Record<string, string>;
  /** An object is sent as JSON. A string or bytes are sent unchanged. */
  body?: string | Buffer | object;
}

/** @publicApi */
export interface ResponseData {
  /** 0 in responses of a `Target` if the connection ended without a response. Then `failure` has the reason. */
  status: number;
  headers: IncomingHttpHeaders;
  /** Text of the body, at most one megabyte. Empty for a compressed body. */
  text: string;
  /** The parsed body, if it is JSON. */
  json: unknown;
  /** Size of the transferred body, in bytes. */
  bytes: number;
  failure?: string;
}

export interface ExchangeOptions {
  timeoutMs: number;
  /** Local address to send from. */
  localAddress?: string;
  /** Whether to refuse a server whose certificate cannot be verified. @default false */
  verifyCertificate?: boolean;
  /** SHA-256 fingerprint of the only certificate that is accepted. The issuer does not matter. */
  fingerprint?: string;
}

const MAX_BODY_BYTES = 1024 * 1024;

/**
 * Sends one request without changes on a new connection. It does not follow redirects.
 *
 * @param path the path in the request line, after the path of the URL
 * @throws Error if the connection ends without a response, or if no response arrives in time
 */
export function sendRequest(
  url: URL,
  path: string,
  { method = 'GET', headers = {}, body }: RequestOptions,
  { timeoutMs, localAddress, verifyCertificate = false, fingerprint }: ExchangeOptions,
): Promise<ResponseData> {
  const isJson = typeof body === 'object' && !Buffer.isBuffer(body);
  const payload = isJson ? JSON.stringify(body) : body;
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port,
        path: `${getBasePath(url)}${path}`,
        method,
        localAddress,
        ...(fingerprint === undefined ? { agent: false } : { createConnection: createPinnedConnection(fingerprint) }),
        // Another check tests the certificate. Only requests with secrets require a verified server.
        rejectUnauthorized: verifyCertificate,
        headers: {
          'User-Agent': 'nest-bulwark-doctor',
          ...(isJson && { 'Content-Type': 'application/json' }),
          ...(payload !== undefined && { 'Content-Length': String(Buffer.byteLength(payload)) }),
          ...headers,
        },
      },
      (incoming) => void readResponse(incoming).then(resolve, reject),
    );
    const late = () => outgoing.destroy(new Error(`${method} ${path} got no response within ${timeoutMs} ms`));
    const timer = setTimeout(late, timeoutMs);
    outgoing.on('close', () => clearTimeout(timer));
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

/** Connects to a server with exactly this certificate. The request is sent only after the comparison. */
const createPinnedConnection =
  (fingerprint: string) =>
  (options: object, done: (error: Error | null, socket: TLSSocket) => void): undefined => {
    const socket = connect({ ...(options as ConnectionOptions), rejectUnauthorized: false });
    const fail = (error: Error) => done(error, socket);
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      socket.off('error', fail);
      if (socket.getPeerCertificate().fingerprint256 === fingerprint) return done(null, socket);
      fail(new Error('the server has another certificate than expected'));
      socket.destroy();
    });
  };

/** The path of the base URL, without a trailing slash. */
export const getBasePath = (url: URL): string => url.pathname.replace(/\/$/, '');

export const createBearerHeader = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });

async function readResponse(incoming: IncomingMessage): Promise<ResponseData> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    if (bytes < MAX_BODY_BYTES) chunks.push(chunk);
    bytes += chunk.length;
  }
  const isPlain = incoming.headers['content-encoding'] === undefined;
  const text = isPlain ? Buffer.concat(chunks).toString('utf8') : '';
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, text, json: parseJson(text), bytes };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
