import { Inject, Injectable } from '@nestjs/common';
import { isSameSecret } from '../../common/index.js';
import type { AdapterRequest } from '../../context/index.js';
import type { ErrorCode } from '../../problem/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { findCrossSiteReason } from './cross-site.js';
import { CsrfTokens } from './csrf-tokens.js';
import { SessionCookies } from './session-cookies.js';

/** Methods that do not change data (RFC 9110, section 9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);
export const CSRF_HEADER = 'X-CSRF-Token';

/** Why the cookies of a request must not authenticate it. */
export interface CsrfFault {
  readonly code: Extract<ErrorCode, 'CSRF_CROSS_SITE' | 'CSRF_TOKEN_INVALID'>;
  /** Text for the audit trail. */
  readonly reason: string;
  /** Text for the client. */
  readonly detail: string;
}

/**
 * Decides whether cookies may authenticate a request. `CsrfGuard` applies this check to routes that need a caller.
 * `PrincipalResolver` and the passport strategy apply it to all other routes.
 */
@Injectable()
export class CsrfCheck {
  private readonly trustedOrigins: ReadonlySet<string>;

  constructor(
    private readonly cookies: SessionCookies,
    private readonly tokens: CsrfTokens,
    @Inject(AUTH_SETTINGS) settings: AuthSettings,
  ) {
    this.trustedOrigins = new Set(settings.cookies?.trustedOrigins);
  }

  /**
   * Returns undefined if cookies may authenticate the request.
   *
   * @param sessionId session that the CSRF token must belong to; empty if there is no session
   */
  findFault(request: AdapterRequest, sessionId: string): CsrfFault | undefined {
    const isSafe = SAFE_METHODS.has(request.method);
    // A WebSocket starts with a GET that any site may send, and CORS does not protect the messages after it.
    if (isSafe && request.headers.upgrade === undefined) return undefined;
    const reason = findCrossSiteReason(request.headers, this.trustedOrigins);
    if (reason !== undefined) {
      return { code: 'CSRF_CROSS_SITE', reason, detail: 'According to the browser, another site sent this request.' };
    }
    // Browsers cannot add a header to a WebSocket handshake.
    if (isSafe || this.hasValidToken(request, sessionId)) return undefined;
    return {
      code: 'CSRF_TOKEN_INVALID',
      reason: 'the token is missing, or belongs to another session',
      detail: `Get a token from GET /auth/csrf and send it as "${CSRF_HEADER}".`,
    };
  }

  private hasValidToken(request: AdapterRequest, sessionId: string): boolean {
    const sent = request.headers['x-csrf-token'];
    const stored = this.cookies.getCsrfToken(request);
    if (typeof sent !== 'string' || stored === undefined || !isSameSecret(sent, stored)) return false;
    return this.tokens.isValidFor(sessionId, sent);
  }
}
