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
import { JwtStrategy } from './jwt.strategy.js';
import { RevocationService } from '../sessions/revocation.service.js';
import type { SessionVerdict } from '../sessions/session-states.js';

/** What a passport strategy calls back on; passport itself sets these on a copy of the strategy for each request. */
interface StrategyRun {
  success(user: Principal): void;
  fail(reason: unknown): void;
  error(error: unknown): void;
  authenticate(request: unknown): void;
}

/**
 * Lets a request pass that carries a valid access token, or that goes to a `@Public()` route.
 *
 * Drives the strategy directly instead of by name through passport's registry, which is one for the whole process: two
 * applications in it would share the keys of whichever came last.
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
    private readonly strategy: JwtStrategy,
    private readonly revocations: RevocationService,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http' || this.isPublic.get(context)) return true;
    const request = context.switchToHttp().getRequest<AdapterRequest>();
    request.user = await this.authenticate(request);
    return true;
  }

  async resolve(request: AdapterRequest): Promise<Principal | undefined> {
    try {
      const claimed = await this.verify(request);
      return claimed instanceof Failure ? undefined : await this.current(claimed);
    } catch {
      return undefined;
    }
  }

  private async authenticate(request: AdapterRequest): Promise<Principal> {
    const claimed = await this.verify(request);
    if (claimed instanceof Failure) throw this.refusal(claimed.reason);
    const principal = this.current(claimed);
    const current = principal instanceof Promise ? await principal : principal;
    if (current) return current;
    throw this.denial(
      'AUTH_TOKEN_REVOKED',
      'The session of this access token has ended. Log in again.',
      `session ${claimed.sessionId} is over`,
    );
  }

  /** Who the token's session belongs to, and what this user may do now; undefined where the session is over. */
  private current(claimed: Principal): Principal | undefined | Promise<Principal | undefined> {
    if (this.settings.sessionCheck === 'off') return claimed;
    const verdict = this.revocations.verdictOf(claimed.sessionId);
    return verdict instanceof Promise ? verdict.then((late) => merge(claimed, late)) : merge(claimed, verdict);
  }

  private verify(request: AdapterRequest): Promise<Principal | Failure> {
    return new Promise((resolve, reject) => {
      this.run(request, { success: resolve, fail: (reason) => resolve(new Failure(reason)), error: reject });
    });
  }

  private run(request: AdapterRequest, outcome: Omit<StrategyRun, 'authenticate'>): void {
    Object.assign(Object.create(this.strategy) as StrategyRun, outcome).authenticate(request);
  }

  private refusal(reason: unknown): ProblemException {
    const { name, message } = reason instanceof Error ? reason : new Error('No auth token');
    const [code, detail] = explain(name, message);
    if (code === 'AUTH_TOKEN_MISSING') return unauthorized(code, detail);
    return this.denial(code, detail, message);
  }

  private denial(code: ErrorCode, detail: string, reason: string): ProblemException {
    this.audit.record({ action: 'access.denied', outcome: 'denied', metadata: { code, reason } });
    return unauthorized(code, detail, `, error="invalid_token", error_description="${detail}"`);
  }
}

/** Why a token was not accepted, in the words of passport. */
class Failure {
  constructor(readonly reason: unknown) {}
}

/** Roles and email are those of now, not those of the time when the token was issued. */
function merge({ id, sessionId }: Principal, state: SessionVerdict): Principal | undefined {
  return state?.userId === id ? { id, sessionId, email: state.email, roles: state.roles } : undefined;
}

function explain(name: string, message: string): [ErrorCode, string] {
  if (message === 'No auth token') {
    return ['AUTH_TOKEN_MISSING', 'Send an access token as "Authorization: Bearer <token>". Log in to get one.'];
  }
  if (name === 'TokenExpiredError') {
    return ['AUTH_TOKEN_EXPIRED', 'The access token has expired. Use the refresh token to get a new one.'];
  }
  if (message === 'jwt malformed' || message === 'invalid token') {
    return ['AUTH_TOKEN_MALFORMED', 'The access token is not a JSON Web Token.'];
  }
  return ['AUTH_TOKEN_INVALID', 'The access token was not issued for this API. Log in to get one that is.'];
}

/** A 401 with the challenge of RFC 6750, section 3. */
function unauthorized(code: ErrorCode, detail: string, attributes = ''): ProblemException {
  return new ProblemException(code, detail, { headers: { 'WWW-Authenticate': `Bearer realm="api"${attributes}` } });
}
