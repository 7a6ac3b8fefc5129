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
  /** Maximum age of the last login or step-up, in milliseconds. @default `recentAuthenticationMs` of AuthModule */
  maxAgeMs?: number;
  /** Whether a second factor is required. @default false */
  secondFactor?: boolean;
}

/**
 * Requires a recent login or step-up (`POST /auth/step-up`), as in RFC 9470. It protects actions that cannot be undone: an
 * unattended session or a copied access token is not enough for them.
 *
 * @publicApi
 */
export function RecentAuthentication(options: RecentAuthenticationOptions = {}): MethodDecorator & ClassDecorator {
  return SetMetadata(RECENT_AUTHENTICATION, options);
}

/**
 * Checks `@RecentAuthentication()`. It runs after the authorization guards, so a caller without permission gets 403 and is
 * not asked for a password.
 *
 * @publicApi
 */
@Injectable()
@ChainedGuard({ order: GuardOrder.Authorization + 50 })
export class RecentAuthenticationGuard implements CanActivate {
  private readonly requirements = new RouteMemo((handler, controller) =>
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
    const requirement = this.requirements.get(context);
    if (requirement === undefined || context.getType() !== 'http') return true;
    const { maxAgeMs = this.settings.recentAuthenticationMs, secondFactor = false } = requirement;
    const { authenticatedAtMs = 0, methods = [] } = getRequest(context).user ?? {};
    // Compared in whole seconds, because the token stores whole seconds.
    const isRecent =
      Math.floor(Date.now() / 1000) - Math.floor(authenticatedAtMs / 1000) <= Math.floor(maxAgeMs / 1000);
    if (isRecent && (!secondFactor || methods.includes('mfa'))) return true;
    throw this.recordDenial(Math.floor(maxAgeMs / 1000), secondFactor);
  }

  private recordDenial(maxAge: number, secondFactor: boolean): ProblemException {
    const code = 'AUTH_STEP_UP_REQUIRED';
    const detail = secondFactor
      ? 'This route requires a recent login with a second factor. Log in again at POST /auth/step-up.'
      : 'This route requires a recent login. Log in again at POST /auth/step-up.';
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
