import { request as requestHttp, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';

export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  /** An object is sent as JSON, a string or bytes as they are. */
  body?: string | Buffer | object;
}

export interface Answer {
  /** 0, in answers of a `Target`: the connection ended without an answer, and `failure` says how. */
  status: number;
  headers: IncomingHttpHeaders;
  /** Text of the body; of a compressed body nothing. At most one megabyte. */
  text: string;
  /** The body, where it is JSON. */
  json: unknown;
  /** Bytes of the body on the wire. */
  bytes: number;
  failure?: string;
}

export interface ExchangeOptions {
  timeoutMs: number;
  /** Local address to send from. */
  from?: string;
  /** Whether nothing is sent to a server whose certificate cannot be verified. @default false */
  verify?: boolean;
}

const KEPT_BYTES = 1024 * 1024;

/**
 * Sends one request exactly as it is written, on a connection of its own, and follows nothing.
 *
 * @param path as it is to stand in the request line, after the path of the URL
 * @throws Error when the connection ends without an answer, or no answer comes in time
 */
export function exchange(
  url: URL,
  path: string,
  { method = 'GET', headers = {}, body }: Ask,
  { timeoutMs, from, verify = false }: ExchangeOptions,
): Promise<Answer> {
  const isJson = typeof body === 'object' && !Buffer.isBuffer(body);
  const payload = isJson ? JSON.stringify(body) : body;
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port,
        path: `${basePath(url)}${path}`,
        method,
        localAddress: from,
        agent: false,
        // The certificate has a check of its own, which is the one to complain. Secrets go to a verified server alone.
        rejectUnauthorized: verify,
        headers: {
          'User-Agent': 'nest-bulwark-doctor',
          ...(isJson && { 'Content-Type': 'application/json' }),
          ...(payload !== undefined && { 'Content-Length': String(Buffer.byteLength(payload)) }),
          ...headers,
        },
      },
      (incoming) => void read(incoming).then(resolve, reject),
    );
    const late = () => outgoing.destroy(new Error(`${method} ${path} had no answer in ${timeoutMs} ms`));
    const timer = setTimeout(late, timeoutMs);
    outgoing.on('close', () => clearTimeout(timer));
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

/** The path in front of all others, without a slash at its end. */
export const basePath = (url: URL): string => url.pathname.replace(/\/$/, '');

export const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });

async function read(incoming: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    if (bytes < KEPT_BYTES) chunks.push(chunk);
    bytes += chunk.length;
  }
  const isPlain = incoming.headers['content-encoding'] === undefined;
  const text = isPlain ? Buffer.concat(chunks).toString('utf8') : '';
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, text, json: parsed(text), bytes };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
