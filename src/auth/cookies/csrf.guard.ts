import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ChainedGuard, GuardOrder, RouteMemo } from '../../guards/index.js';
import { getClientAddress, getRequest, type AdapterRequest } from '../../context/index.js';
import { ProblemException } from '../../problem/index.js';
import { ViolationStreaks } from '../../ports/index.js';
import { CsrfCheck, type CsrfFault } from './csrf-check.js';
import { SessionCookies } from './session-cookies.js';
import { TOKEN_ROUTE, type TokenRouteKind } from './token-route.js';

/**
 * Refuses requests that another site makes a browser send with the user's cookies. It checks every request that is
 * authenticated by a cookie, and requests that log in, refresh or log out by cookies. Requests with an `Authorization`
 * header need no check. On public routes cookies do not authenticate a request, unless the route uses `PrincipalResolver`
 * or the passport strategy. Both apply the same {@link CsrfCheck}.
 *
 * The guard runs after routing, so unusual spellings of a path cannot bypass it.
 */
@Injectable()
@ChainedGuard({ order: GuardOrder.CrossSite })
export class CsrfGuard implements CanActivate {
  private readonly routeKinds = new RouteMemo((handler, controller) =>
    this.reflector.getAllAndOverride<TokenRouteKind | undefined>(TOKEN_ROUTE, [handler, controller]),
  );

  constructor(
    private readonly reflector: Reflector,
    private readonly cookies: SessionCookies,
    private readonly check: CsrfCheck,
    private readonly violations: ViolationStreaks,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    if (!this.cookies.isEnabled || context.getType() !== 'http') return true;
    const request = getRequest(context);
    if (!this.cookies.isUsedBy(request, this.routeKinds.get(context))) return true;
    const fault = this.check.findFault(request, request.user?.sessionId ?? this.cookies.getSessionId(request));
    if (fault) throw this.recordViolation(request, fault);
    return true;
  }

  private recordViolation(request: AdapterRequest, { code, reason, detail }: CsrfFault): ProblemException {
    // Counted for each session: another site may attack many users, and each of them needs an audit event.
    const subject = request.user?.sessionId ?? getClientAddress(request) ?? 'unknown';
    this.violations.add({ rule: 'csrf', subject, metadata: { code, reason } });
    return new ProblemException(code, detail);
  }
}
