import type { Principal } from '../common/index.js';

/** Who shares a result. @publicApi */
export type CacheScope = 'user' | 'tenant' | 'public';

/**
 * Names those who share a result; undefined where nobody may. Roles and the key that acts for a user belong to the
 * user's part: who may do less must not be given what was worked out for more.
 *
 * @param scope as it was said; undefined where it was not
 * @param known whether it is known if there is a principal at all
 */
export function partitionOf(
  scope: CacheScope | undefined,
  known: unknown,
  principal: Principal | undefined,
  tenantOf: (principal: Principal) => string | undefined,
): string | undefined {
  if (scope === 'public') return 'public';
  if (!principal) return scope === undefined && known ? 'public' : undefined;
  const tenant = tenantOf(principal);
  if (scope === 'tenant') return tenant === undefined ? undefined : JSON.stringify(['tenant', tenant]);
  const { id, roles, apiKey } = principal;
  const key = apiKey ? [apiKey.id, [...apiKey.permissions].sort()] : null;
  return JSON.stringify(['user', tenant ?? null, id, [...roles].sort(), key]);
}
