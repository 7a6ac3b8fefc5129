import { request as requestHttps } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { basePath, exchange, type Answer, type Ask } from './exchange.js';

export interface PatientAsk extends Ask {
  /** Whether to wait and ask again when the answer is 429. @default true */
  patient?: boolean;
}

export interface SeenCookie {
  path: string;
  header: string;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_LONGEST_WAIT_MS = 150_000;

export interface TargetOptions {
  /** Told before the target is waited for, because a limit is used up. */
  onWait?: (ms: number) => void;
  /** All such waiting together, in milliseconds. @default 150000 */
  longestWaitMs?: number;
  /** Local address to send from. */
  from?: string;
  /** Whether the target is this very process, to which secrets may go at any address. @default false */
  isOwn?: boolean;
  /** For one answer, in milliseconds. @default 10000 */
  timeoutMs?: number;
}

/** The API under examination: counts requests, and waits where it runs into a limit. */
export class Target {
  readonly cookies: SeenCookie[] = [];
  sent = 0;
  private waitedMs = 0;
  private readonly remembered = new Map<string, Promise<Answer>>();
  private withholding: Promise<string | undefined> | undefined;

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
   * Why no token and no password is sent to this target; undefined where they may be. Found out once: a target that was
   * verified is verified again at each connection, so that nobody gets them who comes in between later.
   */
  secretsWithheld(): Promise<string | undefined> {
    this.withholding ??= this.findWithholding();
    return this.withholding;
  }

  private async findWithholding(): Promise<string | undefined> {
    if (!this.isTls) {
      if (this.isLocal || this.options.isOwn) return undefined;
      return 'token and password are withheld: plain http to another machine, where anybody on the way could read them';
    }
    const certificate = await this.certificate();
    if (certificate && certificate.refusal === undefined) return undefined;
    const cause = certificate?.refusal ?? 'none was shown';
    return `token and password are withheld: the certificate could not be verified (${cause})`;
  }

  /** The same GET asked by several checks is sent once. */
  get(path: string): Promise<Answer> {
    let answer = this.remembered.get(path);
    if (!answer) this.remembered.set(path, (answer = this.send(path)));
    return answer;
  }

  /** @param path as it is to stand in the request line, after the base path */
  async send(path: string, ask: PatientAsk = {}): Promise<Answer> {
    const answer = await this.sendOnce(path, ask);
    if (answer.status !== 429 || ask.patient === false) return answer;
    const waitMs = 1000 * (Number(answer.headers['retry-after']) || 5);
    if (this.waitedMs + waitMs > (this.options.longestWaitMs ?? DEFAULT_LONGEST_WAIT_MS)) return answer;
    this.waitedMs += waitMs;
    this.options.onWait?.(waitMs);
    await sleep(waitMs);
    return this.send(path, ask);
  }

  private async sendOnce(path: string, ask: Ask): Promise<Answer> {
    this.sent += 1;
    const { from, timeoutMs = DEFAULT_TIMEOUT_MS } = this.options;
    try {
      const verify = this.isTls && (await this.secretsWithheld()) === undefined;
      const answer = await exchange(this.url, path, ask, { timeoutMs, from, verify });
      for (const header of answer.headers['set-cookie'] ?? []) this.cookies.push({ path, header });
      return answer;
    } catch (error) {
      return failureOf(error as NodeJS.ErrnoException);
    }
  }

  /** The certificate that the server shows, and why it is not to be trusted, if so. */
  certificate(): Promise<{ validTo: string; refusal?: string } | undefined> {
    return new Promise((resolve) => {
      const outgoing = requestHttps({
        host: this.url.hostname.replace(/^\[|\]$/g, ''),
        port: this.url.port,
        timeout: this.options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        path: basePath(this.url) || '/',
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

const failureOf = ({ code, message }: NodeJS.ErrnoException): Answer => ({
  status: 0,
  headers: {},
  text: '',
  json: undefined,
  bytes: 0,
  failure: code ?? message,
});
