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
 * Refuses what another site makes a browser send with the cookies of its user. It looks at every request that a cookie
 * has authenticated, and at those that open, renew or end a session by cookies. Requests with an `Authorization` header
 * pass by rule and not by a list. On public routes a cookie identifies nobody, unless the route asks `PrincipalResolver`
 * or the passport strategy, which apply the same {@link CsrfCheck}.
 *
 * It stands in the guard chain, behind the router: no spelling of a path leads around it.
 */
@Injectable()
@ChainedGuard({ order: GuardOrder.CrossSite })
export class CsrfGuard implements CanActivate {
  private readonly kind = new RouteMemo((handler, controller) =>
    this.reflector.getAllAndOverride<TokenRouteKind | undefined>(TOKEN_ROUTE, [handler, controller]),
  );

  constructor(
    private readonly reflector: Reflector,
    private readonly cookies: SessionCookies,
    private readonly check: CsrfCheck,
    private readonly violations: ViolationStreaks,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    if (!this.cookies.isOn || context.getType() !== 'http') return true;
    const request = getRequest(context);
    if (!this.cookies.areUsedBy(request, this.kind.get(context))) return true;
    const fault = this.check.faultOf(request, request.user?.sessionId ?? this.cookies.sessionOf(request));
    if (fault) throw this.violation(request, fault);
    return true;
  }

  private violation(request: AdapterRequest, { code, reason, detail }: CsrfFault): ProblemException {
    // Of a session, because another site has many browsers act, and each of their users is to be told of.
    const subject = request.user?.sessionId ?? getClientAddress(request) ?? 'unknown';
    this.violations.add({ rule: 'csrf', subject, metadata: { code, reason } });
    return new ProblemException(code, detail);
  }
}
