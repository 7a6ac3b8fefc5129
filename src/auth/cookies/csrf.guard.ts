import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  ChainedGuard,
  clientAddressOf,
  GuardOrder,
  isSameSecret,
  ProblemException,
  requestOf,
  RouteMemo,
  ViolationStreaks,
  type AdapterRequest,
  type ErrorCode,
} from '../../common/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { crossSiteReason } from './cross-site.js';
import { CsrfTokens } from './csrf-tokens.js';
import { SessionCookies } from './session-cookies.js';
import { TOKEN_ROUTE, type TokenRouteKind } from './token-route.js';

/** Methods that change nothing (RFC 9110, section 9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);
export const CSRF_HEADER = 'X-CSRF-Token';

/**
 * Refuses what another site makes a browser send with the cookies of its user. It looks at every request that a cookie
 * has authenticated, and at those that open, renew or end a session by cookies; nothing else can be forged in this way.
 * So requests with an `Authorization` header and public routes, such as webhooks, pass by rule and not by a list.
 *
 * It stands in the guard chain, behind the router: no spelling of a path leads around it.
 */
@Injectable()
@ChainedGuard({ order: GuardOrder.CrossSite })
export class CsrfGuard implements CanActivate {
  private readonly trustedOrigins: ReadonlySet<string>;
  private readonly kind = new RouteMemo((handler, controller) =>
    this.reflector.getAllAndOverride<TokenRouteKind | undefined>(TOKEN_ROUTE, [handler, controller]),
  );

  constructor(
    private readonly reflector: Reflector,
    private readonly cookies: SessionCookies,
    private readonly tokens: CsrfTokens,
    @Inject(AUTH_SETTINGS) settings: AuthSettings,
    private readonly violations: ViolationStreaks,
  ) {
    this.trustedOrigins = new Set(settings.cookies?.trustedOrigins);
  }

  canActivate(context: ExecutionContext): boolean {
    if (!this.cookies.isOn || context.getType() !== 'http') return true;
    const request = requestOf(context);
    if (SAFE_METHODS.has(request.method) || !this.cookies.areUsedBy(request, this.kind.get(context))) return true;
    const reason = crossSiteReason(request.headers, this.trustedOrigins);
    if (reason !== undefined) {
      throw this.violation(request, 'CSRF_CROSS_SITE', reason, 'The browser says that another site sent this request.');
    }
    if (!this.hasToken(request)) {
      throw this.violation(
        request,
        'CSRF_TOKEN_INVALID',
        'the token is missing, or not that of the session',
        `Get a token from GET /auth/csrf and send it as "${CSRF_HEADER}".`,
      );
    }
    return true;
  }

  private hasToken(request: AdapterRequest): boolean {
    const sent = request.headers['x-csrf-token'];
    const kept = this.cookies.csrfTokenOf(request);
    if (typeof sent !== 'string' || kept === undefined || !isSameSecret(sent, kept)) return false;
    return this.tokens.isOf(request.user?.sessionId ?? this.cookies.sessionOf(request), sent);
  }

  private violation(request: AdapterRequest, code: ErrorCode, reason: string, detail: string): ProblemException {
    // Of a session, because another site has many browsers act, and each of their users is to be told of.
    const subject = request.user?.sessionId ?? clientAddressOf(request) ?? 'unknown';
    this.violations.add({ rule: 'csrf', subject, metadata: { code, reason } });
    return new ProblemException(code, detail);
  }
}
