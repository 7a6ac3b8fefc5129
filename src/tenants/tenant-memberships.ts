import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AccessControl } from '../authorization/index.js';
import { ProblemException, TenantDirectory, type Memberships } from '../common/index.js';
import { managerOf } from '../database/index.js';

const FOREIGN_KEY_VIOLATION = '23503';

/** Who belongs to which tenant, from the database. What is announced to other replicas is up to those who change it. */
@Injectable()
export class TenantMemberships extends TenantDirectory {
  constructor(
    private readonly source: DataSource,
    private readonly access: AccessControl,
  ) {
    super();
  }

  async membershipsOf(userId: string): Promise<Memberships> {
    const rows = await this.source.query<{ tenant_id: string; roles: string[] }[]>(
      'SELECT tenant_id, roles FROM tenant_members WHERE user_id = $1',
      [userId],
    );
    return new Map(rows.map(({ tenant_id: tenantId, roles }) => [tenantId, roles]));
  }

  async replaceMemberships(userId: string, memberships: Memberships): Promise<void> {
    for (const roles of memberships.values()) this.assertRoles(roles);
    await orUnknown(() =>
      this.source.transaction(async (manager) => {
        await manager.query('DELETE FROM tenant_members WHERE user_id = $1 AND tenant_id <> ALL ($2::uuid[])', [
          userId,
          [...memberships.keys()],
        ]);
        for (const [tenantId, roles] of memberships) await manager.query(UPSERT, [tenantId, userId, roles]);
      }),
    );
  }

  /** Adds a member or changes its roles. */
  async set(tenantId: string, userId: string, roles: readonly string[]): Promise<void> {
    this.assertRoles(roles);
    await orUnknown(() => managerOf(this.source).query(UPSERT, [tenantId, userId, roles]));
  }

  /** Whether the user was a member. */
  async remove(tenantId: string, userId: string): Promise<boolean> {
    const removed = await this.source.query<[unknown[], number]>(
      'DELETE FROM tenant_members WHERE tenant_id = $1 AND user_id = $2',
      [tenantId, userId],
    );
    return removed[1] === 1;
  }

  private assertRoles(roles: readonly string[]): void {
    const known = this.access.rolesOf('tenant');
    if (roles.every((role) => known.includes(role))) return;
    throw new ProblemException('VALIDATION_FAILED', 'A member can only be given roles of tenants.', {
      errors: [{ path: 'roles', code: 'roleUnknown', message: `roles must be some of ${known.join(', ')}` }],
    });
  }
}

const UPSERT = `
  INSERT INTO tenant_members (tenant_id, user_id, roles) VALUES ($1, $2, $3)
    ON CONFLICT (tenant_id, user_id) DO UPDATE SET roles = EXCLUDED.roles`;

/** The database alone knows for certain that the tenant and the user are there. */
async function orUnknown(write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    const { code } = (error as { driverError?: { code?: string } }).driverError ?? {};
    if (code !== FOREIGN_KEY_VIOLATION) throw error;
    throw new ProblemException('VALIDATION_FAILED', 'There is no such tenant, or no such user.');
  }
}
