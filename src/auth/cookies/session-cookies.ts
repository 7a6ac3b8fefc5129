import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { AdapterRequest } from '../../context/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { parseRefreshToken } from '../sessions/refresh-token.js';
import { readBearerToken } from '../tokens/bearer-token.js';
import { readCookie } from './cookie-header.js';
import type { TokenRouteKind } from './token-route.js';

/**
 * With the prefix `__Host-`, browsers bind the cookies to this host, to TLS and to the path `/`. So a sibling domain cannot
 * set a cookie with its own session. A narrower `Path` for the refresh token is not possible with this prefix, and would not
 * protect the token from scripts of the same origin anyway. Instead, only the routes that refresh or end a session read the
 * refresh cookie.
 */
export const ACCESS_COOKIE = '__Host-bulwark-access';
export const REFRESH_COOKIE = '__Host-bulwark-refresh';
export const CSRF_COOKIE = '__Host-bulwark-csrf';

/** Request header by which a client gets its tokens in the body although cookies are enabled. */
const DELIVERY_HEADER = 'token-delivery';

interface Tokens {
  readonly accessToken: string;
  /** Missing if the browser keeps its current refresh token. */
  readonly refreshToken?: string | undefined;
}

/** Reads tokens from the `Authorization` header or cookies, and sets the cookies. */
@Injectable()
export class SessionCookies {
  readonly isEnabled: boolean;
  private readonly attributes;

  constructor(
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    private readonly adapterHost: HttpAdapterHost,
  ) {
    const { cookies } = settings;
    this.isEnabled = cookies !== undefined;
    this.attributes = { httpOnly: true, secure: true, sameSite: cookies?.sameSite ?? 'strict', path: '/' } as const;
  }

  /** Returns the access token of a request. With any `Authorization` header, cookies are ignored. */
  getAccessToken({ headers }: AdapterRequest): string | undefined {
    const { authorization } = headers;
    if (authorization !== undefined || !this.isEnabled) return readBearerToken(authorization);
    return readCookie(headers.cookie, ACCESS_COOKIE);
  }

  /**
   * Whether a cookie has authenticated the request, or the request logs in, refreshes or logs out by cookies. Only these
   * requests need the CSRF check, and only their responses may set cookies.
   */
  isUsedBy(request: AdapterRequest, kind: TokenRouteKind | undefined): boolean {
    const { user, headers } = request;
    if (!this.isEnabled) return false;
    if (user) return headers.authorization === undefined && user.apiKey === undefined;
    return kind === 'login'
      ? this.allowsCookies(request)
      : kind !== undefined && this.getRefreshToken(request) !== undefined;
  }

  /** Returns the refresh token of the cookie, if the request may use cookies. */
  getRefreshToken(request: AdapterRequest): string | undefined {
    return this.allowsCookies(request) ? readCookie(request.headers.cookie, REFRESH_COOKIE) : undefined;
  }

  /** Returns the session id in the refresh token of the browser, or an empty string. */
  getSessionId(request: AdapterRequest): string {
    return parseRefreshToken(this.getRefreshToken(request) ?? '')?.id ?? '';
  }

  getCsrfToken({ headers }: AdapterRequest): string | undefined {
    return readCookie(headers.cookie, CSRF_COOKIE);
  }

  setTokens(response: unknown, { accessToken, refreshToken }: Tokens): void {
    this.set(response, ACCESS_COOKIE, accessToken, this.settings.accessTtlMs);
    if (refreshToken !== undefined) this.set(response, REFRESH_COOKIE, refreshToken, this.settings.refreshTtlMs);
  }

  /** The cookie has no expiry, so the browser deletes it when it closes. The token is useless without the session. */
  setCsrfToken(response: unknown, token: string): void {
    this.set(response, CSRF_COOKIE, token);
  }

  clear(response: unknown): void {
    for (const name of [ACCESS_COOKIE, REFRESH_COOKIE, CSRF_COOKIE]) this.set(response, name, '', 0);
  }

  private allowsCookies({ headers }: AdapterRequest): boolean {
    return this.isEnabled && headers.authorization === undefined && headers[DELIVERY_HEADER] !== 'body';
  }

  private set(response: unknown, name: string, value: string, ttlMs?: number): void {
    const maxAge = ttlMs === undefined ? {} : { maxAge: Math.floor(ttlMs / 1000) };
    this.adapterHost.httpAdapter.setCookie?.(response, name, value, { ...this.attributes, ...maxAge });
  }
}
