/**
 * Effect of a route on a session: `login` creates it, `refresh` renews it or its access token, `logout` ends it.
 *
 * @publicApi
 */
export type TokenRouteKind = 'login' | 'refresh' | 'logout';

export const TOKEN_ROUTE = Symbol('bulwark.tokenRoute');
