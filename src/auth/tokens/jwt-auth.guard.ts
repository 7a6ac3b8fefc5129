import { Inject, Injectable, Optional, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  AuditTrail,
  ChainedGuard,
  GuardOrder,
  NoAuditTrail,
  PrincipalResolver,
  ProblemException,
  PUBLIC_ROUTE,
  routeFlag,
  RouteMemo,
  type AdapterRequest,
  type ErrorCode,
  type Principal,
} from '../../common/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { SessionCookies } from '../cookies/session-cookies.js';
import { RevocationService } from '../sessions/revocation.service.js';
import type { SessionVerdict } from '../sessions/session-states.js';
import { AccessTokenVerifier, TokenFault } from './access-token.verifier.js';

const DETAILS: Partial<Record<ErrorCode, string>> = {
  AUTH_TOKEN_MALFORMED: 'The access token is not a JSON Web Token.',
  AUTH_TOKEN_INVALID: 'The access token was not issued by this API. Log in to get one that is.',
  AUTH_TOKEN_EXPIRED: 'The access token has expired. Use the refresh token to get a new one.',
  AUTH_TOKEN_WRONG_ISSUER: 'The access token was issued by somebody else. Log in here to get one.',
  AUTH_TOKEN_WRONG_AUDIENCE: 'The access token is meant for another API. Ask for one for this API.',
  AUTH_TOKEN_REVOKED: 'The session of this access token has ended. Log in again.',
};

/**
 * Lets a request pass that carries a valid access token, or that goes to a `@Public()` route. As long as the state of the
 * session is in memory, it answers at once, and costs the request no turn of the event loop.
 *
 * @publicApi
 */
@Injectable()
@ChainedGuard({ order: GuardOrder.Authentication })
export class JwtAuthGuard implements CanActivate, PrincipalResolver {
  private readonly isPublic = new RouteMemo((handler, controller) =>
    routeFlag(this.reflector, PUBLIC_ROUTE, handler, controller),
  );

  constructor(
    private readonly reflector: Reflector,
    private readonly verifier: AccessTokenVerifier,
    private readonly cookies: SessionCookies,
    private readonly revocations: RevocationService,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    if (context.getType() !== 'http' || this.isPublic.get(context)) return true;
    const request = context.switchToHttp().getRequest<AdapterRequest>();
    const principal = this.authenticate(request);
    if (principal instanceof Promise) return principal.then((late) => this.admit(request, late));
    return this.admit(request, principal);
  }

  async resolve(request: AdapterRequest): Promise<Principal | undefined> {
    const token = this.cookies.accessTokenOf(request);
    const verified = token === undefined ? undefined : this.verifier.verify(token);
    if (verified === undefined || verified instanceof TokenFault) return undefined;
    try {
      return await this.current(verified.principal);
    } catch {
      return undefined;
    }
  }

  private admit(request: AdapterRequest, principal: Principal): true {
    request.user = principal;
    return true;
  }

  private authenticate(request: AdapterRequest): Principal | Promise<Principal> {
    const token = this.cookies.accessTokenOf(request);
    if (token === undefined) throw missing();
    const verified = this.verifier.verify(token);
    if (verified instanceof TokenFault) throw this.refusal(verified.code, verified.reason);
    const { principal } = verified;
    const current = this.current(principal);
    if (current instanceof Promise) return current.then((late) => late ?? this.refuseRevoked(principal));
    return current ?? this.refuseRevoked(principal);
  }

  /** Who the token's session belongs to, and what this user may do now; undefined where the session is over. */
  private current(claimed: Principal): Principal | undefined | Promise<Principal | undefined> {
    if (this.settings.sessionCheck === 'off') return claimed;
    const verdict = this.revocations.verdictOf(claimed.sessionId);
    return verdict instanceof Promise ? verdict.then((late) => merge(claimed, late)) : merge(claimed, verdict);
  }

  private refuseRevoked({ sessionId }: Principal): never {
    throw this.refusal('AUTH_TOKEN_REVOKED', `session ${sessionId} is over`);
  }

  private refusal(code: ErrorCode, reason: string): ProblemException {
    this.audit.record({ action: 'access.denied', outcome: 'denied', metadata: { code, reason } });
    const detail = DETAILS[code] ?? '';
    return unauthorized(code, detail, `, error="invalid_token", error_description="${detail}"`);
  }
}

/** Roles and email are those of now, not those of the time when the token was issued. */
function merge(claimed: Principal, state: SessionVerdict): Principal | undefined {
  return state?.userId === claimed.id ? { ...claimed, email: state.email, roles: state.roles } : undefined;
}

function missing(): ProblemException {
  return unauthorized(
    'AUTH_TOKEN_MISSING',
    'Send an access token as "Authorization: Bearer <token>". Log in to get one.',
  );
}

/** A 401 with the challenge of RFC 6750, section 3. */
function unauthorized(code: ErrorCode, detail: string, attributes = ''): ProblemException {
  return new ProblemException(code, detail, { headers: { 'WWW-Authenticate': `Bearer realm="api"${attributes}` } });
}
