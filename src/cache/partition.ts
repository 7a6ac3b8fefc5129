import { hasIdentity, type Principal } from '../context/index.js';

/** Callers that share a result. @publicApi */
export type CacheScope = 'user' | 'tenant' | 'public';

/**
 * Returns a text that names the callers that share a result, or undefined if no callers may share it. Roles and API keys
 * are part of it, because a caller with fewer rights must not get a result for a caller with more rights.
 *
 * @param scope undefined if the application did not define one
 * @param isAnonymous whether the request has no credentials. Credentials that no guard of this library has checked, such
 * as a session cookie of the application, may still identify the caller to the code whose result is cached.
 */
export function partitionOf(
  scope: CacheScope | undefined,
  isAnonymous: boolean,
  principal: Principal | undefined,
  tenantOf: (principal: Principal) => string | undefined,
): string | undefined {
  if (scope === 'public') return 'public';
  if (!principal) return scope === undefined && isAnonymous ? 'public' : undefined;
  const tenant = tenantOf(principal);
  if (scope === 'tenant') return tenant === undefined ? undefined : JSON.stringify(['tenant', tenant]);
  if (!hasIdentity(principal)) return undefined;
  const { id, apiKey } = principal;
  // Users that a guard of the application sets may have no roles.
  const { roles = [] } = principal as Partial<Principal>;
  const key = apiKey ? [apiKey.id, [...apiKey.permissions].sort()] : null;
  return JSON.stringify(['user', tenant ?? null, id, [...roles].sort(), key]);
}

/** Why a result without a scope is not cached. */
export const UNKNOWN_CALLER =
  'the caller is not known: the call runs outside of a request, or no guard has checked the credentials of the request, ' +
  "such as a cookie. Set scope: 'public' if the result is the same for all callers";
