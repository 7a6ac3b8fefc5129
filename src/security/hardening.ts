import type { IncomingMessage } from 'node:http';
import { getClientAddress, getRequestContext, runWithContext, type AdapterRequest } from '../context/index.js';
import type { ProblemException } from '../problem/index.js';
import { violatedBy } from './body-violations.js';
import { Compressor } from './compressor.js';
import { bodyRefusal, parseBody } from './request-body.js';
import { RequestRules } from './request-rules.js';
import { ResponseHeaders, type Header } from './response-headers.js';
import type { SecuritySettings } from './security.options.js';
import type { SecurityReports, SecurityRule } from './security-reports.js';

/** What happens to each request, the same on both adapters; they only differ in where it is put. */
export class Hardening {
  readonly compressor: Compressor | undefined;
  private readonly headers: ResponseHeaders;
  private readonly rules: RequestRules;

  constructor(
    readonly settings: SecuritySettings,
    readonly reports: SecurityReports,
  ) {
    const { headers, hstsPreload, compression } = settings;
    this.headers = new ResponseHeaders(headers, { preload: hstsPreload });
    this.rules = new RequestRules(settings);
    this.compressor = compression === false ? undefined : new Compressor(compression);
  }

  headersOf(request: object): readonly Header[] {
    return this.headers.of(request);
  }

  /** Why a request goes no further than its headers, if so. */
  refusalOf(request: AdapterRequest, raw: IncomingMessage): ProblemException | undefined {
    const refusal = this.rules.refusalOf(raw);
    if (!refusal) return bodyRefusal(raw);
    const subject = getClientAddress(request) ?? 'unknown';
    this.reports.refused(refusal.rule, subject, { code: refusal.problem.code, reason: refusal.problem.detail });
    return refusal.problem;
  }

  /** The target to route by. */
  targetOf(target: string): string {
    return this.rules.stripped(target);
  }

  /** @throws ProblemException */
  parse(request: AdapterRequest, body: Buffer): unknown {
    const report = (rule: SecurityRule, metadata: Readonly<Record<string, unknown>>) =>
      // Fastify reads bodies outside of the request's asynchronous context.
      runWithContext(getRequestContext(request), () =>
        this.reports.refused(rule, getClientAddress(request) ?? 'unknown', metadata),
      );
    const onStripped = () => report('control_characters', { handling: 'stripped' });
    try {
      return parseBody(request.headers, body, this.settings, onStripped);
    } catch (error) {
      const rule = violatedBy(error);
      if (rule) report(rule, { code: (error as ProblemException).code });
      throw error;
    }
  }
}
