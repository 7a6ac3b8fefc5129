import {
  applyDecorators,
  Header,
  Injectable,
  SetMetadata,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { catchError, mergeMap, throwError, type Observable } from 'rxjs';
import { PrincipalResolver, type AdapterRequest } from '../../context/index.js';
import { ProblemException } from '../../problem/index.js';
import type { TokenView } from '../auth.dto.js';
import type { AccessTokenView } from '../second-factor/second-factor.dto.js';
import { parseRefreshToken } from '../sessions/refresh-token.js';
import { SessionService } from '../sessions/session.service.js';
import { CsrfTokens } from './csrf-tokens.js';
import { DeviceCookies } from './device-cookie.js';
import { SessionCookies } from './session-cookies.js';
import { TOKEN_ROUTE, type TokenRouteKind } from './token-route.js';

/** The body of a response whose tokens are in cookies, with the CSRF token for the next requests. */
type CookieView = Omit<Tokens, 'accessToken' | 'refreshToken' | 'tokenType'> & { csrfToken: string };

/** A step-up does not change the refresh token. */
type Tokens = TokenView | (AccessTokenView & { refreshToken?: undefined });

/**
 * Sends the tokens of a response in cookies or in the body, but never in both. If a refresh token was received in a cookie,
 * its successor is sent in a cookie, so an injected script cannot read it.
 */
@Injectable()
export class TokenDelivery implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly cookies: SessionCookies,
    private readonly csrf: CsrfTokens,
    private readonly sessions: SessionService,
    private readonly principals: PrincipalResolver,
    private readonly devices: DeviceCookies,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    const kind = this.reflector.get<TokenRouteKind>(TOKEN_ROUTE, context.getHandler());
    const http = context.switchToHttp();
    const [request, response] = [http.getRequest<AdapterRequest>(), http.getResponse<unknown>()];
    return next.handle().pipe(
      mergeMap(async (body) => {
        if (kind === 'login' && hasTokens(body)) {
          await this.endPreviousSession(request);
          if ('user' in body) await this.devices.issue(request, response, body.user.email);
        }
        if (!this.cookies.isUsedBy(request, kind)) return body;
        if (kind === 'logout') this.cookies.clear(response);
        return hasTokens(body) ? this.moveToCookies(request, response, body) : body;
      }),
      catchError((error: unknown) => {
        // Otherwise the browser would send the invalid cookies again and again.
        const isRefreshInvalid = error instanceof ProblemException && error.code === 'AUTH_REFRESH_INVALID';
        if (isRefreshInvalid && this.cookies.isUsedBy(request, kind)) this.cookies.clear(response);
        return throwError(() => error);
      }),
    );
  }

  private moveToCookies(request: AdapterRequest, response: unknown, body: Tokens): CookieView {
    const { accessToken, refreshToken, tokenType: _, ...rest } = body;
    this.cookies.setTokens(response, { accessToken, refreshToken });
    const session =
      refreshToken === undefined ? this.cookies.getSessionId(request) : parseRefreshToken(refreshToken)?.id;
    const csrfToken = this.csrf.reuseOrIssue(session ?? '', this.cookies.getCsrfToken(request));
    this.cookies.setCsrfToken(response, csrfToken);
    return { ...rest, csrfToken };
  }

  /** A login replaces the previous session of the client (ASVS 5.0, 7.2.4). */
  private async endPreviousSession(request: AdapterRequest): Promise<void> {
    const refreshToken = this.cookies.getRefreshToken(request);
    if (refreshToken !== undefined) await this.sessions.endByRefreshToken(refreshToken);
    const previous = await this.principals.resolve(request);
    if (previous) await this.sessions.revoke(previous.id, previous.sessionId);
  }
}

function hasTokens(body: unknown): body is Tokens {
  return typeof body === 'object' && body !== null && 'accessToken' in body;
}

/**
 * Marks a route that returns tokens (a `TokenView`) or ends a session. If cookies are enabled, the tokens are sent in
 * cookies instead of the body, and the route is protected against CSRF.
 *
 * @publicApi
 */
export function TokenRoute(kind: TokenRouteKind): MethodDecorator {
  return applyDecorators(
    SetMetadata(TOKEN_ROUTE, kind),
    UseInterceptors(TokenDelivery),
    Header('Cache-Control', 'no-store'),
  );
}
