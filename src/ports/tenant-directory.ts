/** Tenants of a user, and the roles that it has in each. @publicApi */
export type Memberships = ReadonlyMap<string, readonly string[]>;

/**
 * Who belongs to which tenant. TenantsModule binds it; where nothing does, there are no tenants. It stands in `common`
 * so that auth can put tenants into tokens without depending on TenantsModule.
 *
 * @publicApi
 */
export abstract class TenantDirectory {
  abstract membershipsOf(userId: string): Promise<Memberships>;

  /**
   * Makes these the only tenants of a user, in the open transaction.
   *
   * @throws ProblemException `VALIDATION_FAILED` on a tenant or a role that there is not, `CONFLICT` where a tenant would
   *   lose its last owner
   */
  abstract replaceMemberships(userId: string, memberships: Memberships): Promise<void>;

  /** @throws ProblemException `CONFLICT` where the user is the last active owner of a tenant */
  abstract assertNotLastOwner(userId: string): Promise<void>;
}
