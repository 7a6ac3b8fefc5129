import { hasIdentity, type Principal } from '../context/index.js';

/** Who shares a result. @publicApi */
export type CacheScope = 'user' | 'tenant' | 'public';

/**
 * Names those who share a result; undefined where nobody may. Roles and the key that acts for a user belong to the
 * user's part: who may do less must not be given what was worked out for more.
 *
 * @param scope as it was said; undefined where it was not
 * @param isAnonymous whether a request carries no credentials at all. Credentials that no guard of the suite has checked,
 * such as the application's own session cookie, may still identify the caller to the code whose result is cached.
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
  // A guard of the application's own may leave users without roles.
  const { roles = [] } = principal as Partial<Principal>;
  const key = apiKey ? [apiKey.id, [...apiKey.permissions].sort()] : null;
  return JSON.stringify(['user', tenant ?? null, id, [...roles].sort(), key]);
}

/** Why an unscoped result is not cached. */
export const UNKNOWN_CALLER =
  'nobody has checked who calls: it runs outside of a request, or the request carries credentials that no guard has ' +
  "checked, such as a cookie. Set scope: 'public' if its result is the same for all callers";
