/**
 * What a route does to a session: `opens` one, `renews` one by its refresh token or changes what its tokens say, or `ends`
 * it.
 *
 * @publicApi
 */
export type TokenRouteKind = 'opens' | 'renews' | 'ends';

export const TOKEN_ROUTE = Symbol('bulwark.tokenRoute');
