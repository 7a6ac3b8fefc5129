import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { AdapterRequest } from '../../context/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { parseRefreshToken } from '../sessions/refresh-token.js';
import { bearerToken } from '../tokens/bearer-token.js';
import { cookieOf } from './cookie-header.js';
import type { TokenRouteKind } from './token-route.js';

/**
 * `__Host-` makes browsers hold the cookies to this host, to TLS and to the path `/`. No neighbour on a sibling domain can
 * then plant a session of its own, which a narrower `Path` for the refresh token would not prevent: a path keeps nothing
 * from scripts of the same origin, and `__Host-` allows none. So the narrowing is done here: only the routes that renew
 * and end a session look at the refresh cookie.
 */
export const ACCESS_COOKIE = '__Host-bulwark-access';
export const REFRESH_COOKIE = '__Host-bulwark-refresh';
export const CSRF_COOKIE = '__Host-bulwark-csrf';

/** Request header by which a client of an application with cookies asks for its tokens in the body instead. */
const DELIVERY_HEADER = 'token-delivery';

interface Tokens {
  readonly accessToken: string;
  /** Missing where the browser keeps the one that it has. */
  readonly refreshToken?: string | undefined;
}

/** Where the tokens of a request come from, and go to: the `Authorization` header and the body, or cookies. */
@Injectable()
export class SessionCookies {
  readonly isOn: boolean;
  private readonly attributes;

  constructor(
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    private readonly adapterHost: HttpAdapterHost,
  ) {
    const { cookies } = settings;
    this.isOn = cookies !== undefined;
    this.attributes = { httpOnly: true, secure: true, sameSite: cookies?.sameSite ?? 'strict', path: '/' } as const;
  }

  /** The access token of a request. A cookie never counts where there is an `Authorization` header, whatever is in it. */
  accessTokenOf({ headers }: AdapterRequest): string | undefined {
    const { authorization } = headers;
    if (authorization !== undefined || !this.isOn) return bearerToken(authorization);
    return cookieOf(headers.cookie, ACCESS_COOKIE);
  }

  /**
   * Whether a request acts by cookies: a cookie has authenticated it, or it logs in, refreshes or logs out by cookies. Only
   * these requests are checked against other sites, and only their answers may set cookies.
   */
  areUsedBy(request: AdapterRequest, kind: TokenRouteKind | undefined): boolean {
    const { user, headers } = request;
    if (!this.isOn) return false;
    if (user) return headers.authorization === undefined && user.apiKey === undefined;
    return kind === 'login'
      ? this.mayBeUsedBy(request)
      : kind !== undefined && this.refreshTokenOf(request) !== undefined;
  }

  /** The refresh token in the cookie of a request that may use it. */
  refreshTokenOf(request: AdapterRequest): string | undefined {
    return this.mayBeUsedBy(request) ? cookieOf(request.headers.cookie, REFRESH_COOKIE) : undefined;
  }

  /** The session that the browser holds, by the name in its refresh token; empty where it holds none. */
  sessionOf(request: AdapterRequest): string {
    return parseRefreshToken(this.refreshTokenOf(request) ?? '')?.id ?? '';
  }

  csrfTokenOf({ headers }: AdapterRequest): string | undefined {
    return cookieOf(headers.cookie, CSRF_COOKIE);
  }

  setTokens(response: unknown, { accessToken, refreshToken }: Tokens): void {
    this.set(response, ACCESS_COOKIE, accessToken, this.settings.accessTtlMs);
    if (refreshToken !== undefined) this.set(response, REFRESH_COOKIE, refreshToken, this.settings.refreshTtlMs);
  }

  /** Lives as long as the browser runs; it is of no use without the session. */
  setCsrfToken(response: unknown, token: string): void {
    this.set(response, CSRF_COOKIE, token);
  }

  clear(response: unknown): void {
    for (const name of [ACCESS_COOKIE, REFRESH_COOKIE, CSRF_COOKIE]) this.set(response, name, '', 0);
  }

  private mayBeUsedBy({ headers }: AdapterRequest): boolean {
    return this.isOn && headers.authorization === undefined && headers[DELIVERY_HEADER] !== 'body';
  }

  private set(response: unknown, name: string, value: string, lifeMs?: number): void {
    const maxAge = lifeMs === undefined ? {} : { maxAge: Math.floor(lifeMs / 1000) };
    this.adapterHost.httpAdapter.setCookie?.(response, name, value, { ...this.attributes, ...maxAge });
  }
}
