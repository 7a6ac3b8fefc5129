/**
 * What a route does to a session: `login` opens one, `refresh` renews it or its access token, `logout` ends it.
 *
 * @publicApi
 */
export type TokenRouteKind = 'login' | 'refresh' | 'logout';

export const TOKEN_ROUTE = Symbol('bulwark.tokenRoute');
