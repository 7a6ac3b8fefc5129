import { Inject, Injectable, Optional, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuditTrail, CredentialVerifier, NoAuditTrail, ViolationStreaks } from '../../ports/index.js';
import {
  ChainedGuard,
  createMissingTokenProblem,
  createUnauthorizedProblem,
  GuardOrder,
  PUBLIC_ROUTE,
  hasRouteFlag,
  RouteMemo,
} from '../../guards/index.js';
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

/** Faults of forged tokens. Tokens with other faults were valid once. */
const FORGED_TOKEN_CODES: ReadonlySet<ErrorCode> = new Set(['AUTH_TOKEN_MALFORMED', 'AUTH_TOKEN_INVALID']);

/** Why a valid token is no longer accepted: its session has ended, or its owner has left the tenant. */
type RevokedCode = 'AUTH_TOKEN_REVOKED' | 'AUTH_TENANT_REVOKED';

const DETAILS: Partial<Record<ErrorCode, string>> = {
  AUTH_TOKEN_MALFORMED: 'The access token is not a JSON Web Token.',
  AUTH_TOKEN_INVALID: 'The access token was not issued by this API. Log in to get a valid one.',
  AUTH_TOKEN_EXPIRED: 'The access token has expired. Use the refresh token to get a new one.',
  AUTH_TOKEN_WRONG_ISSUER: 'The access token has another issuer. Log in to this API to get one.',
  AUTH_TOKEN_WRONG_AUDIENCE: 'The access token is for another API. Log in to this API to get one.',
  AUTH_TENANT_REVOKED:
    'You are not a member of the tenant of this access token. Refresh the token, or switch to another tenant.',
  AUTH_TOKEN_REVOKED: 'The session of this access token has ended. Log in again.',
};

/**
 * Allows requests with a valid access token, and all requests to `@Public()` routes. While the state of the session is in
 * memory, the guard is synchronous, so the request does not wait for the event loop.
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
    if (principal instanceof Promise) return principal.then((resolved) => this.acceptPrincipal(request, resolved));
    return this.acceptPrincipal(request, principal);
  }

  async resolve(request: AdapterRequest): Promise<Principal | undefined> {
    const token = this.cookies.getAccessToken(request);
    const verified = token === undefined ? undefined : this.verifier.verify(token);
    if (verified === undefined || verified instanceof TokenFault) return undefined;
    const { principal } = verified;
    const isByCookie = request.headers.authorization === undefined;
    if (isByCookie && this.csrf.findFault(request, principal.sessionId)) return undefined;
    try {
      const current = await this.getCurrentPrincipal(principal);
      return typeof current === 'string' ? undefined : current;
    } catch {
      return undefined;
    }
  }

  private acceptPrincipal(request: AdapterRequest, principal: Principal): true {
    request.user = principal;
    return true;
  }

  private authenticate(request: AdapterRequest): Principal | Promise<Principal> {
    const token = this.cookies.getAccessToken(request);
    if (token === undefined) throw createMissingTokenProblem();
    // Other credentials, such as API keys, are accepted in the header only. Cookies contain access tokens only.
    const other = request.headers.authorization === undefined ? undefined : this.otherCredentials?.verify(token);
    if (other) return other;
    const verified = this.verifier.verify(token);
    if (verified instanceof TokenFault) throw this.recordFault(request, verified);
    const { principal } = verified;
    const current = this.getCurrentPrincipal(principal);
    if (current instanceof Promise) return current.then((resolved) => this.assertNotRevoked(resolved, principal));
    return this.assertNotRevoked(current, principal);
  }

  /** Returns the principal with the current roles, or the code if session or membership has ended. */
  private getCurrentPrincipal(claimed: Principal): Principal | RevokedCode | Promise<Principal | RevokedCode> {
    if (this.settings.sessionCheck === 'off') return claimed;
    const state = this.revocations.getSessionState(claimed.sessionId);
    return state instanceof Promise
      ? state.then((resolved) => applySessionState(claimed, resolved))
      : applySessionState(claimed, state);
  }

  private assertNotRevoked(current: Principal | RevokedCode, { sessionId, tenantId }: Principal): Principal {
    if (typeof current !== 'string') return current;
    const reason =
      current === 'AUTH_TOKEN_REVOKED' ? `session ${sessionId} has ended` : `not a member of tenant ${tenantId}`;
    throw this.recordDenial(current, reason);
  }

  private recordFault(request: AdapterRequest, { code, reason }: TokenFault): ProblemException {
    if (!FORGED_TOKEN_CODES.has(code)) return this.recordDenial(code, reason);
    const subject = getClientAddress(request) ?? 'unknown';
    this.violations.add({ rule: 'access_token', subject, metadata: { code, reason } });
    return createInvalidTokenProblem(code);
  }

  private recordDenial(code: ErrorCode, reason: string): ProblemException {
    this.audit.record({ action: 'access.denied', outcome: 'denied', metadata: { code, reason } });
    return createInvalidTokenProblem(code);
  }
}

function createInvalidTokenProblem(code: ErrorCode): ProblemException {
  const detail = DETAILS[code] ?? '';
  return createUnauthorizedProblem(code, detail, `, error="invalid_token", error_description="${detail}"`);
}

/** Replaces roles and email of the token by the current ones. */
function applySessionState(claimed: Principal, state: SessionState | null): Principal | RevokedCode {
  if (state?.userId !== claimed.id) return 'AUTH_TOKEN_REVOKED';
  const { tenantId } = claimed;
  const roles = tenantId === undefined ? state.roles : state.tenants.get(tenantId);
  return roles ? { ...claimed, email: state.email, roles } : 'AUTH_TENANT_REVOKED';
}
