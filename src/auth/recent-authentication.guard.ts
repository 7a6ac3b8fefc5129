import { Inject, Injectable, Optional, SetMetadata, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuditTrail, NoAuditTrail } from '../ports/index.js';
import { ChainedGuard, GuardOrder, RouteMemo } from '../guards/index.js';
import { ProblemException } from '../problem/index.js';
import { getRequest } from '../context/index.js';
import { AUTH_SETTINGS, type AuthSettings } from './auth.options.js';

const RECENT_AUTHENTICATION = Symbol('bulwark.recentAuthentication');

/** @publicApi */
export interface RecentAuthenticationOptions {
  /** How long ago the caller may have logged in or stepped up, in milliseconds. @default as AuthModule is set up */
  maxAgeMs?: number;
  /** Whether two factors are asked for. @default false */
  secondFactor?: boolean;
}

/**
 * Asks for a login, or a step-up (`POST /auth/step-up`), of a moment ago: a session that was left open, or an access token
 * that was copied, is not enough for what cannot be undone (RFC 9470).
 *
 * @publicApi
 */
export function RecentAuthentication(options: RecentAuthenticationOptions = {}): MethodDecorator & ClassDecorator {
  return SetMetadata(RECENT_AUTHENTICATION, options);
}

/** After the other rules: who may not do it at all is not asked for a password first. @publicApi */
@Injectable()
@ChainedGuard({ order: GuardOrder.Authorization + 50 })
export class RecentAuthenticationGuard implements CanActivate {
  private readonly demanded = new RouteMemo((handler, controller) =>
    this.reflector.getAllAndOverride<RecentAuthenticationOptions | undefined>(RECENT_AUTHENTICATION, [
      handler,
      controller,
    ]),
  );

  constructor(
    private readonly reflector: Reflector,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const demanded = this.demanded.get(context);
    if (demanded === undefined || context.getType() !== 'http') return true;
    const { maxAgeMs = this.settings.recentAuthenticationMs, secondFactor = false } = demanded;
    const { authenticatedAtMs = 0, methods = [] } = getRequest(context).user ?? {};
    // In whole seconds, as the token has it.
    const isRecent =
      Math.floor(Date.now() / 1000) - Math.floor(authenticatedAtMs / 1000) <= Math.floor(maxAgeMs / 1000);
    if (isRecent && (!secondFactor || methods.includes('mfa'))) return true;
    throw this.refusal(Math.floor(maxAgeMs / 1000), secondFactor);
  }

  private refusal(maxAge: number, secondFactor: boolean): ProblemException {
    const code = 'AUTH_STEP_UP_REQUIRED';
    const detail = secondFactor
      ? 'This needs a recent login with a second factor. Prove who you are at POST /auth/step-up.'
      : 'This needs a recent login. Prove who you are at POST /auth/step-up.';
    this.audit.record({ action: 'access.denied', outcome: 'denied', metadata: { code } });
    const challenge = [
      'Bearer realm="api"',
      'error="insufficient_user_authentication"',
      `error_description="${detail}"`,
      `max_age="${maxAge}"`,
      ...(secondFactor ? ['acr_values="mfa"'] : []),
    ];
    return new ProblemException(code, detail, { headers: { 'WWW-Authenticate': challenge.join(', ') } });
  }
}
