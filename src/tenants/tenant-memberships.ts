import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { isAccountActive } from '../auth/index.js';
import { AccessControl } from '../authorization/index.js';
import { ProblemException } from '../problem/index.js';
import { TenantDirectory, type Memberships } from '../ports/index.js';
import { InjectModuleDataSource, inTransaction, managerOf } from '../database/index.js';
import { UserStore } from '../users/index.js';

const FOREIGN_KEY_VIOLATION = '23503';
/** Every tenant keeps at least one active member with this role, so that somebody can manage it. */
export const OWNER_ROLE = 'TenantOwner';

/** Reads and writes memberships in the database. Callers publish changes to other replicas. */
@Injectable()
export class TenantMemberships extends TenantDirectory {
  constructor(
    @InjectModuleDataSource() private readonly source: DataSource,
    private readonly access: AccessControl,
    private readonly users: UserStore,
  ) {
    super();
  }

  async getMemberships(userId: string): Promise<Memberships> {
    const rows = await this.query<{ tenant_id: string; roles: string[] }>(
      'SELECT tenant_id, roles FROM tenant_members WHERE user_id = $1',
      [userId],
    );
    return new Map(rows.map(({ tenant_id: tenantId, roles }) => [tenantId, roles]));
  }

  async replaceMemberships(userId: string, memberships: Memberships): Promise<void> {
    for (const roles of memberships.values()) this.assertRoles(roles);
    await inTransaction(this.source, async () => {
      const before = await this.getMemberships(userId);
      const known = await this.lock([...before.keys(), ...memberships.keys()]);
      if (![...memberships.keys()].every((id) => known.has(id))) throw createUnknownMemberProblem();
      for (const [tenantId, roles] of before)
        await this.assertOwnerStays(tenantId, userId, roles, memberships.get(tenantId));
      await this.query('DELETE FROM tenant_members WHERE user_id = $1 AND tenant_id <> ALL ($2::uuid[])', [
        userId,
        [...memberships.keys()],
      ]);
      for (const [tenantId, roles] of memberships) await this.upsert(tenantId, userId, roles);
    });
  }

  async assertNotLastOwner(userId: string): Promise<void> {
    await inTransaction(this.source, async () => {
      const memberships = await this.getMemberships(userId);
      await this.lock([...memberships.keys()]);
      for (const [tenantId, roles] of memberships) await this.assertOwnerStays(tenantId, userId, roles);
    });
  }

  /** Adds a member or changes the roles of a member. @throws ProblemException `VALIDATION_FAILED`, `CONFLICT` for the last owner */
  async setMember(tenantId: string, userId: string, roles: readonly string[]): Promise<void> {
    this.assertRoles(roles);
    await inTransaction(this.source, async () => {
      await this.lock([tenantId]);
      const before = (await this.getMemberships(userId)).get(tenantId);
      await this.assertOwnerStays(tenantId, userId, before ?? [], roles);
      await this.upsert(tenantId, userId, roles);
    });
  }

  /** Returns false if the user was not a member. @throws ProblemException `CONFLICT` for the last owner */
  removeMember(tenantId: string, userId: string): Promise<boolean> {
    return inTransaction(this.source, async () => {
      await this.lock([tenantId]);
      const before = (await this.getMemberships(userId)).get(tenantId);
      if (!before) return false;
      await this.assertOwnerStays(tenantId, userId, before);
      await this.query('DELETE FROM tenant_members WHERE tenant_id = $1 AND user_id = $2', [tenantId, userId]);
      return true;
    });
  }

  /**
   * Locks tenants until the end of the transaction. The order of the ids prevents deadlocks.
   *
   * @returns ids of the tenants that exist
   */
  async lock(tenantIds: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await this.query<{ id: string }>(
      'SELECT id FROM tenants WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE',
      [tenantIds],
    );
    return new Set(rows.map(({ id }) => id));
  }

  /**
   * Checks that another active owner remains if an owner leaves or loses the role. The transaction must hold the lock of
   * the tenant.
   */
  private async assertOwnerStays(
    tenantId: string,
    userId: string,
    before: readonly string[],
    after: readonly string[] = [],
  ): Promise<void> {
    if (!before.includes(OWNER_ROLE) || after.includes(OWNER_ROLE)) return;
    const others = await this.query<{ userId: string }>(
      `SELECT user_id AS "userId" FROM tenant_members
        WHERE tenant_id = $1 AND user_id <> $2 AND $3 = ANY (roles) ORDER BY created_at`,
      [tenantId, userId, OWNER_ROLE],
    );
    for (const other of others) {
      // No join, because the users may be in another store.
      const user = await this.users.findById(other.userId);
      if (user && isAccountActive(user)) return;
    }
    throw new ProblemException(
      'CONFLICT',
      `This user is the last active owner of the tenant ${tenantId}. Add another owner first, or delete the tenant.`,
    );
  }

  private async upsert(tenantId: string, userId: string, roles: readonly string[]): Promise<void> {
    try {
      await this.query(
        `INSERT INTO tenant_members (tenant_id, user_id, roles) VALUES ($1, $2, $3)
          ON CONFLICT (tenant_id, user_id) DO UPDATE SET roles = EXCLUDED.roles`,
        [tenantId, userId, roles],
      );
    } catch (error) {
      // Only the foreign keys of the database can ensure that the tenant and the user exist.
      const { code } = (error as { driverError?: { code?: string } }).driverError ?? {};
      if (code !== FOREIGN_KEY_VIOLATION) throw error;
      throw createUnknownMemberProblem();
    }
  }

  /** Uses the open transaction, if there is one. */
  private query<T>(sql: string, values: unknown[]): Promise<T[]> {
    return managerOf(this.source).query<T[]>(sql, values);
  }

  private assertRoles(roles: readonly string[]): void {
    const known = this.access.getRoleNames('tenant');
    if (roles.every((role) => known.includes(role))) return;
    throw new ProblemException('VALIDATION_FAILED', 'A member can have only tenant roles.', {
      errors: [{ path: 'roles', code: 'roleUnknown', message: `roles must be some of ${known.join(', ')}` }],
    });
  }
}

function createUnknownMemberProblem(): ProblemException {
  return new ProblemException('VALIDATION_FAILED', 'The tenant or the user does not exist.');
}
