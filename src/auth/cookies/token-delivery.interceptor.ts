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

/** What is left of the answer when the tokens are in cookies, and the token that the next requests need. */
type CookieView = Omit<Tokens, 'accessToken' | 'refreshToken' | 'tokenType'> & { csrfToken: string };

/** A step-up keeps the refresh token as it is. */
type Tokens = TokenView | (AccessTokenView & { refreshToken?: undefined });

/**
 * Takes the tokens of an answer to where its client wants them: to cookies or to the body, never to both. A refresh token
 * that came in a cookie goes back in one, so that a script that got into the page cannot have it.
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
      mergeMap(async (answer) => {
        if (kind === 'login' && isTokens(answer)) {
          await this.endFormer(request);
          if ('user' in answer) await this.devices.remember(request, response, answer.user.email);
        }
        if (!this.cookies.areUsedBy(request, kind)) return answer;
        if (kind === 'logout') this.cookies.clear(response);
        return isTokens(answer) ? this.inCookies(request, response, answer) : answer;
      }),
      catchError((error: unknown) => {
        // The browser would go on sending what is of no use any more.
        const isSpent = error instanceof ProblemException && error.code === 'AUTH_REFRESH_INVALID';
        if (isSpent && this.cookies.areUsedBy(request, kind)) this.cookies.clear(response);
        return throwError(() => error);
      }),
    );
  }

  private inCookies(request: AdapterRequest, response: unknown, answer: Tokens): CookieView {
    const { accessToken, refreshToken, tokenType: _, ...rest } = answer;
    this.cookies.setTokens(response, { accessToken, refreshToken });
    const session = refreshToken === undefined ? this.cookies.sessionOf(request) : parseRefreshToken(refreshToken)?.id;
    const csrfToken = this.csrf.tokenFor(session ?? '', this.cookies.csrfTokenOf(request));
    this.cookies.setCsrfToken(response, csrfToken);
    return { ...rest, csrfToken };
  }

  /** A login replaces the session that the client came with (ASVS 7.2.4). */
  private async endFormer(request: AdapterRequest): Promise<void> {
    const refreshToken = this.cookies.refreshTokenOf(request);
    if (refreshToken !== undefined) await this.sessions.close(refreshToken);
    const former = await this.principals.resolve(request);
    if (former) await this.sessions.revoke(former.id, former.sessionId);
  }
}

function isTokens(answer: unknown): answer is Tokens {
  return typeof answer === 'object' && answer !== null && 'accessToken' in answer;
}

/**
 * Marks a route that answers with tokens (a `TokenView`), or that ends a session. In an application with cookies they then
 * go there instead of into the body, and the route is guarded against being called by other sites.
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
