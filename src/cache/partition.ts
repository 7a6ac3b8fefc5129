import type { Principal } from '../common/index.js';

/** Who shares a result. @publicApi */
export type CacheScope = 'user' | 'tenant' | 'public';

/**
 * Names those who share a result; undefined where nobody may. Roles belong to a user's part: who has lost one must not
 * be given what was worked out while he had it.
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
  return JSON.stringify(['user', tenant ?? null, principal.id, [...principal.roles].sort()]);
}
