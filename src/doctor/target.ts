import { request as requestHttp, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';

export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  /** An object is sent as JSON, a string or bytes as they are. */
  body?: string | Buffer | object;
  /** Whether to wait and ask again when the answer is 429. @default true */
  patient?: boolean;
}

export interface Answer {
  /** 0: the connection ended without an answer, and `failure` says how. */
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

export interface SeenCookie {
  path: string;
  header: string;
}

const TIMEOUT_MS = 10_000;
const KEPT_BYTES = 1024 * 1024;
const DEFAULT_LONGEST_WAIT_MS = 150_000;

export interface TargetOptions {
  /** Told before the target is waited for, because a limit is used up. */
  onWait?: (ms: number) => void;
  /** All such waiting together, in milliseconds. @default 150000 */
  longestWaitMs?: number;
  /** Local address to send from. */
  from?: string;
}

/** The API under examination: sends requests exactly as they are written, follows nothing, and counts them. */
export class Target {
  readonly cookies: SeenCookie[] = [];
  sent = 0;
  private waitedMs = 0;
  private readonly remembered = new Map<string, Promise<Answer>>();

  constructor(
    readonly url: URL,
    private readonly options: TargetOptions = {},
  ) {}

  get isTls(): boolean {
    return this.url.protocol === 'https:';
  }

  get isLocal(): boolean {
    return /^(?:localhost|127\.[\d.]+|\[::1\])$/.test(this.url.hostname);
  }

  /** The path in front of all others, without a slash at its end. */
  get base(): string {
    return this.url.pathname.replace(/\/$/, '');
  }

  /** The same GET asked by several checks is sent once. */
  get(path: string): Promise<Answer> {
    let answer = this.remembered.get(path);
    if (!answer) this.remembered.set(path, (answer = this.send(path)));
    return answer;
  }

  /** @param path as it is to stand in the request line, after the base path */
  async send(path: string, ask: Ask = {}): Promise<Answer> {
    const answer = await this.sendOnce(path, ask);
    if (answer.status !== 429 || ask.patient === false) return answer;
    const waitMs = 1000 * (Number(answer.headers['retry-after']) || 5);
    if (this.waitedMs + waitMs > (this.options.longestWaitMs ?? DEFAULT_LONGEST_WAIT_MS)) return answer;
    this.waitedMs += waitMs;
    this.options.onWait?.(waitMs);
    await sleep(waitMs);
    return this.send(path, ask);
  }

  private sendOnce(path: string, { method = 'GET', headers = {}, body }: Ask): Promise<Answer> {
    this.sent += 1;
    const isJson = typeof body === 'object' && !Buffer.isBuffer(body);
    const payload = isJson ? JSON.stringify(body) : body;
    const request = this.isTls ? requestHttps : requestHttp;
    return new Promise((resolve) => {
      const failed = (error: Error & { code?: string }) => resolve(failureOf(error.code ?? error.message));
      const outgoing = request(
        {
          host: this.url.hostname.replace(/^\[|\]$/g, ''),
          port: this.url.port,
          path: `${this.base}${path}`,
          method,
          localAddress: this.options.from,
          agent: false,
          // The certificate has a check of its own, which is the one to complain.
          rejectUnauthorized: false,
          headers: {
            'User-Agent': 'nest-bulwark-doctor',
            ...(isJson && { 'Content-Type': 'application/json' }),
            ...(payload !== undefined && { 'Content-Length': String(Buffer.byteLength(payload)) }),
            ...headers,
          },
        },
        (incoming) => {
          for (const header of incoming.headers['set-cookie'] ?? []) this.cookies.push({ path, header });
          read(incoming).then(resolve, failed);
        },
      );
      const timer = setTimeout(() => outgoing.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
      outgoing.on('close', () => clearTimeout(timer));
      outgoing.on('error', failed);
      outgoing.end(payload);
    });
  }

  /** The certificate that the server shows, and why it is not to be trusted, if so. */
  certificate(): Promise<{ validTo: string; refusal?: string } | undefined> {
    return new Promise((resolve) => {
      const outgoing = requestHttps({
        host: this.url.hostname,
        port: this.url.port,
        path: this.base || '/',
        agent: false,
        rejectUnauthorized: false,
      });
      outgoing.on('error', () => resolve(undefined));
      outgoing.on('response', (incoming) => {
        const socket = incoming.socket as TLSSocket;
        const refusal = socket.authorized ? undefined : String(socket.authorizationError);
        resolve({ validTo: socket.getPeerCertificate().valid_to, refusal });
        outgoing.destroy();
      });
      outgoing.end();
    });
  }
}

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

const failureOf = (failure: string): Answer => ({
  status: 0,
  headers: {},
  text: '',
  json: undefined,
  bytes: 0,
  failure,
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
