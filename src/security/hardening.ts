import type { IncomingMessage, ServerResponse } from 'node:http';
import { getClientAddress, getRequestContext, runWithContext, type AdapterRequest } from '../context/index.js';
import type { ProblemException } from '../problem/index.js';
import { BodyDeadlines } from './body-deadlines.js';
import { readBody } from './body-reader.js';
import type { BodyRules } from './body-rules.js';
import { createTooLargeProblem, limitBody, openBody } from './body-stream.js';
import { getViolatedRule } from './body-violations.js';
import type { BodyKind } from './media-types.js';
import { examineBody, hasBody, parseBody, type ReadableBody } from './request-body.js';
import { RequestRules } from './request-rules.js';
import { ResponseHeaders, type Header } from './response-headers.js';
import type { SecuritySettings } from './security.options.js';
import type { SecurityReports, SecurityRule } from './security-reports.js';

const EMPTY = Buffer.alloc(0);

/** The request, with the property in which Nest expects the exact bytes of the body. */
type HardenedRequest = AdapterRequest & { rawBody?: Buffer };

/** A body that may be read. */
export interface AdmittedBody extends ReadableBody {
  readonly response: ServerResponse;
  readonly limitBytes: number;
}

/** The rules for each request. They are the same on both adapters; only their installation differs. */
export class Hardening {
  readonly deadlines = new BodyDeadlines();
  private readonly headers: ResponseHeaders;
  private readonly rules: RequestRules;
  private keepsRawBodies: boolean;

  constructor(
    readonly settings: SecuritySettings,
    readonly reports: SecurityReports,
  ) {
    const { headers, hstsPreload, rawBody = false } = settings;
    this.headers = new ResponseHeaders(headers, { preload: hstsPreload });
    this.rules = new RequestRules(settings);
    this.keepsRawBodies = rawBody;
  }

  /** Keeps the exact bytes of all bodies. */
  keepRawBodies(): void {
    this.keepsRawBodies = true;
  }

  getHeaders(request: object): readonly Header[] {
    return this.headers.getHeaders(request);
  }

  /** Returns a problem if the request must be rejected by its request line and headers. */
  getRefusal(request: AdapterRequest, raw: IncomingMessage): ProblemException | undefined {
    const refusal = this.rules.getRefusal(raw);
    if (!refusal) return undefined;
    const subject = getClientAddress(request) ?? 'unknown';
    this.reports.report(refusal.rule, subject, { code: refusal.problem.code, reason: refusal.problem.detail });
    return refusal.problem;
  }

  /** Returns the request target that is used for routing. */
  sanitizeTarget(target: string): string {
    return this.rules.stripControlCharacters(target);
  }

  /**
   * Checks the headers of a body before it is read, and starts its time limit.
   *
   * @returns undefined if there is no body
   * @throws ProblemException
   */
  admitBody(
    request: HardenedRequest,
    raw: IncomingMessage,
    response: ServerResponse,
    rules: BodyRules | undefined,
  ): AdmittedBody | undefined {
    if (rules?.rawBody ?? this.keepsRawBodies) request.rawBody = EMPTY;
    if (!hasBody(raw)) return undefined;
    this.deadlines.start(raw, response, rules?.timeoutMs);
    const limitBytes = rules?.limitBytes ?? this.settings.limits.bodyBytes;
    const body = { ...examineBody(raw, this.settings, rules), response, limitBytes };
    if (body.kind !== 'multipart') return body;
    if (Number(raw.headers['content-length'] ?? 0) > limitBytes) throw createTooLargeProblem();
    limitBody(raw, limitBytes);
    return body;
  }

  /** Reads and parses a body that {@link admitBody} has admitted. Bodies with files are left to another library. */
  readBody(
    request: HardenedRequest,
    raw: IncomingMessage,
    { kind, coding, response, limitBytes }: AdmittedBody,
    done: (error: unknown, body?: unknown) => void,
  ): void {
    if (kind === 'stream') {
      done(undefined, openBody(raw, response, limitBytes, coding));
      return;
    }
    readBody(raw, response, limitBytes, coding, (error, bytes = EMPTY) => {
      if (error !== undefined) return done(error);
      if (request.rawBody) request.rawBody = bytes;
      let body: unknown;
      try {
        body = this.parseBody(request, kind, bytes);
      } catch (problem) {
        return done(problem);
      }
      done(undefined, body);
    });
  }

  /** @throws ProblemException */
  private parseBody(request: AdapterRequest, kind: BodyKind, body: Buffer): unknown {
    const report = (rule: SecurityRule, metadata: Readonly<Record<string, unknown>>) =>
      // Fastify reads bodies outside the request's asynchronous context.
      runWithContext(getRequestContext(request), () =>
        this.reports.report(rule, getClientAddress(request) ?? 'unknown', metadata),
      );
    const onStripped = () => report('control_characters', { handling: 'stripped' });
    try {
      return parseBody(kind, body, this.settings, onStripped);
    } catch (error) {
      const rule = getViolatedRule(error);
      if (rule) report(rule, { code: (error as ProblemException).code });
      throw error;
    }
  }
}
