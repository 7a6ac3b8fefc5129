import type { IncomingMessage } from 'node:http';
import { getClientAddress, getRequestContext, runWithContext, type AdapterRequest } from '../context/index.js';
import type { ProblemException } from '../problem/index.js';
import { getViolatedRule } from './body-violations.js';
import { getBodyProblem, parseBody } from './request-body.js';
import { RequestRules } from './request-rules.js';
import { ResponseHeaders, type Header } from './response-headers.js';
import type { SecuritySettings } from './security.options.js';
import type { SecurityReports, SecurityRule } from './security-reports.js';

/** The rules for each request. They are the same on both adapters; only their installation differs. */
export class Hardening {
  private readonly headers: ResponseHeaders;
  private readonly rules: RequestRules;

  constructor(
    readonly settings: SecuritySettings,
    readonly reports: SecurityReports,
  ) {
    const { headers, hstsPreload } = settings;
    this.headers = new ResponseHeaders(headers, { preload: hstsPreload });
    this.rules = new RequestRules(settings);
  }

  getHeaders(request: object): readonly Header[] {
    return this.headers.getHeaders(request);
  }

  /** Returns a problem if the request must be rejected by its request line and headers. */
  getRefusal(request: AdapterRequest, raw: IncomingMessage): ProblemException | undefined {
    const refusal = this.rules.getRefusal(raw);
    if (!refusal) return getBodyProblem(raw);
    const subject = getClientAddress(request) ?? 'unknown';
    this.reports.report(refusal.rule, subject, { code: refusal.problem.code, reason: refusal.problem.detail });
    return refusal.problem;
  }

  /** Returns the request target that is used for routing. */
  sanitizeTarget(target: string): string {
    return this.rules.stripControlCharacters(target);
  }

  /** @throws ProblemException */
  parseBody(request: AdapterRequest, body: Buffer): unknown {
    const report = (rule: SecurityRule, metadata: Readonly<Record<string, unknown>>) =>
      // Fastify reads bodies outside the request's asynchronous context.
      runWithContext(getRequestContext(request), () =>
        this.reports.report(rule, getClientAddress(request) ?? 'unknown', metadata),
      );
    const onStripped = () => report('control_characters', { handling: 'stripped' });
    try {
      return parseBody(request.headers, body, this.settings, onStripped);
    } catch (error) {
      const rule = getViolatedRule(error);
      if (rule) report(rule, { code: (error as ProblemException).code });
      throw error;
    }
  }
}
