import { Agent, request, type IncomingHttpHeaders } from 'node:http';

export interface Call {
  headers?: Record<string, string | string[]>;
  /** Sent as JSON. A Buffer or a string is sent unchanged. */
  body?: unknown;
  /** Access token. */
  token?: string;
  /** Loopback address of the client, such as 127.0.0.7. Each address is a separate client for the throttler. */
  from?: string;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  bytes: Buffer;
  /** The parsed JSON body; undefined if the body is not JSON. */
  // oxlint-disable-next-line typescript/no-explicit-any -- answers have many shapes; naming each would hide what tests are about
  body: any;
}

/** A small HTTP client that hides nothing: no redirects, no decompression, no retries. */
export class TestClient {
  private readonly agent = new Agent({ keepAlive: true });

  constructor(readonly baseUrl: string) {}

  get = (path: string, call: Call = {}) => this.send('GET', path, call);
  post = (path: string, body?: unknown, call: Call = {}) => this.send('POST', path, { ...call, body });

  patch = (path: string, body?: unknown, call: Call = {}) => this.send('PATCH', path, { ...call, body });
  delete = (path: string, call: Call = {}) => this.send('DELETE', path, call);

  send(method: string, path: string, { headers = {}, body, token, from }: Call = {}): Promise<Answer> {
    const isRaw = Buffer.isBuffer(body) || typeof body === 'string';
    const payload = body === undefined ? undefined : isRaw ? body : JSON.stringify(body);
    const { hostname, port } = new URL(this.baseUrl);
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          hostname,
          port,
          path,
          method,
          agent: from === undefined ? this.agent : false,
          localAddress: from,
          headers: {
            ...(payload !== undefined && {
              'Content-Type': 'application/json',
              'Content-Length': String(Buffer.byteLength(payload)),
            }),
            ...(token !== undefined && { Authorization: `Bearer ${token}` }),
            ...headers,
          },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', reject);
          incoming.on('end', () => {
            const bytes = Buffer.concat(chunks);
            const text = bytes.toString('utf8');
            resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, bytes, body: parse(text) });
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(payload);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
