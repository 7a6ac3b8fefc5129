import { request as requestHttps } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { getBasePath, sendRequest, type ResponseData, type RequestOptions } from './exchange.js';

/** @publicApi */
export interface TargetRequestOptions extends RequestOptions {
  /** Whether to wait and send the request again if the status is 429. @default true */
  retryWhenLimited?: boolean;
}

/** @publicApi */
export interface SeenCookie {
  path: string;
  header: string;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_MAX_WAIT_MS = 150_000;

export interface TargetOptions {
  /** Called before a wait because a rate limit is reached. */
  onWait?: (ms: number) => void;
  /** Maximum sum of all such waits, in milliseconds. @default 150000 */
  maxWaitMs?: number;
  /** Local address to send from. */
  localAddress?: string;
  /** Whether the target is this process. Then secrets may be sent to any address. @default false */
  isSelf?: boolean;
  /** SHA-256 fingerprint of the certificate of this process. Only this certificate is accepted. */
  fingerprint?: string;
  /** Headers of every request. */
  headers?: Readonly<Record<string, string>>;
  /** Time limit for one response, in milliseconds. @default 10000 */
  timeoutMs?: number;
}

/** The API that is checked. It counts requests, and waits if a rate limit is reached. @publicApi */
export class Target {
  readonly cookies: SeenCookie[] = [];
  requestCount = 0;
  private waitedMs = 0;
  private readonly responses = new Map<string, Promise<ResponseData>>();
  private withholdingReason: Promise<string | undefined> | undefined;

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

  /**
   * Returns the reason if token and password must not be sent to this target. Undefined if they may be sent. The reason is
   * determined once. A verified target is verified again at each connection, so that a later attacker in the middle gets
   * no secrets.
   */
  getWithholdingReason(): Promise<string | undefined> {
    this.withholdingReason ??= this.findWithholdingReason();
    return this.withholdingReason;
  }

  private async findWithholdingReason(): Promise<string | undefined> {
    if (this.options.fingerprint !== undefined) return undefined;
    if (!this.isTls) {
      if (this.isLocal || this.options.isSelf) return undefined;
      return 'token and password are withheld: the target is another machine over plain http, so anybody on the network could read them';
    }
    const certificate = await this.getCertificate();
    if (certificate && certificate.refusal === undefined) return undefined;
    const cause = certificate?.refusal ?? 'the server sent none';
    return `token and password are withheld: the certificate could not be verified (${cause})`;
  }

  /** Sends a GET request once and shares the response among all checks. */
  get(path: string): Promise<ResponseData> {
    let answer = this.responses.get(path);
    if (!answer) this.responses.set(path, (answer = this.send(path)));
    return answer;
  }

  /** @param path the path in the request line, after the base path */
  async send(path: string, ask: TargetRequestOptions = {}): Promise<ResponseData> {
    const answer = await this.sendOnce(path, ask);
    if (answer.status !== 429 || ask.retryWhenLimited === false) return answer;
    const waitMs = 1000 * (Number(answer.headers['retry-after']) || 5);
    if (this.waitedMs + waitMs > (this.options.maxWaitMs ?? DEFAULT_MAX_WAIT_MS)) return answer;
    this.waitedMs += waitMs;
    this.options.onWait?.(waitMs);
    await sleep(waitMs);
    return this.send(path, ask);
  }

  private async sendOnce(path: string, ask: RequestOptions): Promise<ResponseData> {
    this.requestCount += 1;
    const { localAddress, timeoutMs = DEFAULT_TIMEOUT_MS, fingerprint } = this.options;
    try {
      const verifyCertificate = this.isTls && (await this.getWithholdingReason()) === undefined;
      const headers = { ...this.options.headers, ...ask.headers };
      const exchange = { timeoutMs, localAddress, verifyCertificate, fingerprint };
      const answer = await sendRequest(this.url, path, { ...ask, headers }, exchange);
      for (const header of answer.headers['set-cookie'] ?? []) this.cookies.push({ path, header });
      return answer;
    } catch (error) {
      return createFailure(error as NodeJS.ErrnoException);
    }
  }

  /** Returns the certificate of the server, with the reason if it is not trusted. */
  getCertificate(): Promise<{ validTo: string; refusal?: string } | undefined> {
    return new Promise((resolve) => {
      const outgoing = requestHttps({
        host: this.url.hostname.replace(/^\[|\]$/g, ''),
        port: this.url.port,
        timeout: this.options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        path: getBasePath(this.url) || '/',
        agent: false,
        rejectUnauthorized: false,
      });
      outgoing.on('timeout', () => outgoing.destroy());
      outgoing.on('error', () => resolve(undefined));
      outgoing.on('close', () => resolve(undefined));
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

const createFailure = ({ code, message }: NodeJS.ErrnoException): ResponseData => ({
  status: 0,
  headers: {},
  text: '',
  json: undefined,
  bytes: 0,
  failure: code ?? message,
});
