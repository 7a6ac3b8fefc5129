/** Ids of a user's tenants, with the user's roles in each tenant. @publicApi */
export type Memberships = ReadonlyMap<string, readonly string[]>;

/**
 * Port that reads and writes the memberships of users in tenants. TenantsModule provides the implementation. Without it,
 * there are no tenants. The port lets auth put tenants into tokens without depending on TenantsModule.
 *
 * @publicApi
 */
export abstract class TenantDirectory {
  abstract getMemberships(userId: string): Promise<Memberships>;

  /**
   * Replaces all memberships of a user, in the open transaction.
   *
   * @throws ProblemException `VALIDATION_FAILED` if a tenant or a role does not exist, `CONFLICT` if a tenant would lose
   *   its last owner
   */
  abstract replaceMemberships(userId: string, memberships: Memberships): Promise<void>;

  /** @throws ProblemException `CONFLICT` if the user is the last active owner of a tenant */
  abstract assertNotLastOwner(userId: string): Promise<void>;
}
