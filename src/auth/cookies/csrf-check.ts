import { Inject, Injectable } from '@nestjs/common';
import { isSameSecret } from '../../common/index.js';
import type { AdapterRequest } from '../../context/index.js';
import type { ErrorCode } from '../../problem/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { crossSiteReason } from './cross-site.js';
import { CsrfTokens } from './csrf-tokens.js';
import { SessionCookies } from './session-cookies.js';

/** Methods that change nothing (RFC 9110, section 9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);
export const CSRF_HEADER = 'X-CSRF-Token';

/** Why a cookie of a request must not identify its caller. */
export interface CsrfFault {
  readonly code: Extract<ErrorCode, 'CSRF_CROSS_SITE' | 'CSRF_TOKEN_INVALID'>;
  /** For the audit trail. */
  readonly reason: string;
  /** For the client. */
  readonly detail: string;
}

/**
 * The one rule that decides whether a cookie may identify the caller of a request. `CsrfGuard` applies it to routes that
 * need a caller, `PrincipalResolver` and the passport strategy apply it to all others.
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
   * Undefined for a request that may act by its cookies.
   *
   * @param sessionId session that the CSRF token must belong to; empty before there is one
   */
  faultOf(request: AdapterRequest, sessionId: string): CsrfFault | undefined {
    const isSafe = SAFE_METHODS.has(request.method);
    // A WebSocket begins with a GET that any site may send, and neither CORS nor the method protects what follows.
    if (isSafe && request.headers.upgrade === undefined) return undefined;
    const reason = crossSiteReason(request.headers, this.trustedOrigins);
    if (reason !== undefined) {
      return { code: 'CSRF_CROSS_SITE', reason, detail: 'The browser says that another site sent this request.' };
    }
    // Browsers cannot add a header to the handshake of a WebSocket.
    if (isSafe || this.hasToken(request, sessionId)) return undefined;
    return {
      code: 'CSRF_TOKEN_INVALID',
      reason: 'the token is missing, or not that of the session',
      detail: `Get a token from GET /auth/csrf and send it as "${CSRF_HEADER}".`,
    };
  }

  private hasToken(request: AdapterRequest, sessionId: string): boolean {
    const sent = request.headers['x-csrf-token'];
    const kept = this.cookies.csrfTokenOf(request);
    if (typeof sent !== 'string' || kept === undefined || !isSameSecret(sent, kept)) return false;
    return this.tokens.isOf(sessionId, sent);
  }
}
