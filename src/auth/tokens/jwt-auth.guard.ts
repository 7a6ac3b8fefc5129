import { Inject, Injectable, Optional, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuditTrail, CredentialVerifier, NoAuditTrail, ViolationStreaks } from '../../ports/index.js';
import { ChainedGuard, GuardOrder, PUBLIC_ROUTE, hasRouteFlag, RouteMemo } from '../../guards/index.js';
import {
  getClientAddress,
  PrincipalResolver,
  getRequest,
  type AdapterRequest,
  type Principal,
} from '../../context/index.js';
import { ProblemException, type ErrorCode } from '../../problem/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { CsrfCheck } from '../cookies/csrf-check.js';
import { SessionCookies } from '../cookies/session-cookies.js';
import { RevocationService } from '../sessions/revocation.service.js';
import type { SessionState } from '../sessions/session-states.js';
import { AccessTokenVerifier, TokenFault } from './access-token.verifier.js';

/** A client of ours has no such token; all others were good once. */
const FORGED: ReadonlySet<ErrorCode> = new Set(['AUTH_TOKEN_MALFORMED', 'AUTH_TOKEN_INVALID']);

/** What a good token can be without: its session, or its owner's membership of its tenant. */
type Ended = 'AUTH_TOKEN_REVOKED' | 'AUTH_TENANT_REVOKED';

const DETAILS: Partial<Record<ErrorCode, string>> = {
  AUTH_TOKEN_MALFORMED: 'The access token is not a JSON Web Token.',
  AUTH_TOKEN_INVALID: 'The access token was not issued by this API. Log in to get one that is.',
  AUTH_TOKEN_EXPIRED: 'The access token has expired. Use the refresh token to get a new one.',
  AUTH_TOKEN_WRONG_ISSUER: 'The access token was issued by somebody else. Log in here to get one.',
  AUTH_TOKEN_WRONG_AUDIENCE: 'The access token is meant for another API. Ask for one for this API.',
  AUTH_TENANT_REVOKED: 'You are no member of the tenant of this access token. Refresh it, or switch to another.',
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
    hasRouteFlag(this.reflector, PUBLIC_ROUTE, handler, controller),
  );

  constructor(
    private readonly reflector: Reflector,
    private readonly verifier: AccessTokenVerifier,
    private readonly cookies: SessionCookies,
    private readonly csrf: CsrfCheck,
    private readonly revocations: RevocationService,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    private readonly violations: ViolationStreaks,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() private readonly otherCredentials?: CredentialVerifier,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    if (context.getType() !== 'http' || this.isPublic.get(context)) return true;
    const request = getRequest(context);
    const principal = this.authenticate(request);
    if (principal instanceof Promise) return principal.then((late) => this.admit(request, late));
    return this.admit(request, principal);
  }

  async resolve(request: AdapterRequest): Promise<Principal | undefined> {
    const token = this.cookies.accessTokenOf(request);
    const verified = token === undefined ? undefined : this.verifier.verify(token);
    if (verified === undefined || verified instanceof TokenFault) return undefined;
    const { principal } = verified;
    const isByCookie = request.headers.authorization === undefined;
    if (isByCookie && this.csrf.faultOf(request, principal.sessionId)) return undefined;
    try {
      const current = await this.current(principal);
      return typeof current === 'string' ? undefined : current;
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
    // From the header alone: a cookie is for browsers, and guarded in another way.
    const other = request.headers.authorization === undefined ? undefined : this.otherCredentials?.verify(token);
    if (other) return other;
    const verified = this.verifier.verify(token);
    if (verified instanceof TokenFault) throw this.fault(request, verified);
    const { principal } = verified;
    const current = this.current(principal);
    if (current instanceof Promise) return current.then((late) => this.known(late, principal));
    return this.known(current, principal);
  }

  /** Who the token's session belongs to, and what this user may do now; else what is over. */
  private current(claimed: Principal): Principal | Ended | Promise<Principal | Ended> {
    if (this.settings.sessionCheck === 'off') return claimed;
    const state = this.revocations.getSessionState(claimed.sessionId);
    return state instanceof Promise ? state.then((late) => merge(claimed, late)) : merge(claimed, state);
  }

  private known(current: Principal | Ended, { sessionId, tenantId }: Principal): Principal {
    if (typeof current !== 'string') return current;
    const reason =
      current === 'AUTH_TOKEN_REVOKED' ? `session ${sessionId} is over` : `no member of tenant ${tenantId}`;
    throw this.refusal(current, reason);
  }

  private fault(request: AdapterRequest, { code, reason }: TokenFault): ProblemException {
    if (!FORGED.has(code)) return this.refusal(code, reason);
    const subject = getClientAddress(request) ?? 'unknown';
    this.violations.add({ rule: 'access_token', subject, metadata: { code, reason } });
    return invalidToken(code);
  }

  private refusal(code: ErrorCode, reason: string): ProblemException {
    this.audit.record({ action: 'access.denied', outcome: 'denied', metadata: { code, reason } });
    return invalidToken(code);
  }
}

function invalidToken(code: ErrorCode): ProblemException {
  const detail = DETAILS[code] ?? '';
  return unauthorized(code, detail, `, error="invalid_token", error_description="${detail}"`);
}

/** Roles and email are those of now, not those of the time when the token was issued. */
function merge(claimed: Principal, state: SessionState | null): Principal | Ended {
  if (state?.userId !== claimed.id) return 'AUTH_TOKEN_REVOKED';
  const { tenantId } = claimed;
  const roles = tenantId === undefined ? state.roles : state.tenants.get(tenantId);
  return roles ? { ...claimed, email: state.email, roles } : 'AUTH_TENANT_REVOKED';
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
