import { Injectable, Optional } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AccountTransactions, AuthService, RevocationService, type AccessTokenView } from '../auth/index.js';
import { AccessControl, type Grants } from '../authorization/index.js';
import { AuditTrail, NoAuditTrail, type AuditAction, type AuditInput, type AuditMetadata } from '../ports/index.js';
import { ProblemException } from '../problem/index.js';
import { uuidv7 } from '../common/index.js';
import type { Principal } from '../context/index.js';
import { CursorCodec, readKeysetPage } from '../conventions/index.js';
import { afterCommit, InjectModuleDataSource, inTransaction, managerOf } from '../database/index.js';
import { currentOperationId } from '../idempotency/index.js';
import { UsersService, type UserRecord } from '../users/index.js';
import { OWNER_ROLE, TenantMemberships } from './tenant-memberships.js';
import { Tenant } from './tenant.entity.js';
import type { AdminTenantView, MemberView, TenantPage, TenantView } from './tenants.dto.js';

const PAGE_SIZE = 50;
const MAX_LISTED_MEMBERS = 1_000;
const INSERT = `
  INSERT INTO tenants (id, name, operation_id) VALUES ($1, $2, $3)
    ON CONFLICT (operation_id) DO NOTHING RETURNING id, name, created_at AS "createdAt"`;
export const NO_SUCH_TENANT = 'There is no such tenant.';

/** Tenants and their members. @publicApi */
@Injectable()
export class TenantsService {
  /** @internal */
  constructor(
    @InjectModuleDataSource() private readonly source: DataSource,
    private readonly memberships: TenantMemberships,
    private readonly access: AccessControl,
    private readonly users: UsersService,
    private readonly accounts: AccountTransactions,
    private readonly auth: AuthService,
    private readonly revocations: RevocationService,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() private readonly cursors: CursorCodec = new CursorCodec(),
  ) {}

  async listTenantsOfUser({ id, tenantId }: Principal): Promise<TenantView[]> {
    const rows = await this.source.query<Omit<TenantView, 'current'>[]>(
      `SELECT t.id, t.name, m.roles FROM tenant_members m JOIN tenants t ON t.id = m.tenant_id
        WHERE m.user_id = $1 ORDER BY t.name, t.id`,
      [id],
    );
    return rows.map((row) => ({ ...row, current: row.id === tenantId }));
  }

  /** @throws ProblemException `NOT_FOUND` if the caller is not a member, also if the tenant does not exist */
  async switch(principal: Principal, given: string | null): Promise<AccessTokenView> {
    const tenantId = given?.toLowerCase() ?? null;
    const target = `tenant:${tenantId ?? 'none'}`;
    const token = await this.auth.switchTenant(principal, tenantId);
    if (!token) {
      this.audit.record({
        action: 'workspace.switch',
        outcome: 'denied',
        target,
        metadata: { reason: 'no member', from: principal.tenantId },
      });
      throw new ProblemException('NOT_FOUND', NO_SUCH_TENANT);
    }
    this.audit.record({
      action: 'workspace.switch',
      outcome: 'success',
      target,
      ...(tenantId !== null && { tenantId }),
      metadata: { from: principal.tenantId },
    });
    return token;
  }

  /** Returns the first thousand members, in the order in which they joined. */
  async members(tenantId: string): Promise<MemberView[]> {
    const rows = await this.readMembers(tenantId, MAX_LISTED_MEMBERS);
    // No join, because the users may be in another store.
    const members = await Promise.all(
      rows.map(async ({ userId, roles }) => {
        const user = await this.users.find(userId);
        return user ? [{ userId, email: user.email, name: user.name, roles }] : [];
      }),
    );
    return members.flat();
  }

  /** @throws ProblemException `CURSOR_INVALID` */
  async list(cursor?: string): Promise<TenantPage> {
    const { items, next, prev } = await readKeysetPage(this.source.getRepository(Tenant).createQueryBuilder('tenant'), {
      codec: this.cursors,
      list: 'tenants',
      limit: PAGE_SIZE,
      cursor,
      columns: [{ sql: 'tenant.id', value: ({ id }) => id }],
    });
    return { tenants: items.map(toView), next, prev };
  }

  /**
   * Creates a tenant. A repeated request with the same idempotency key returns the tenant of the first request.
   *
   * @throws ProblemException `NOT_FOUND` if the owner does not exist. Then no tenant is created
   */
  async create(name: string, ownerId?: string): Promise<AdminTenantView> {
    const operationId = currentOperationId() ?? null;
    const insert = async (): Promise<AdminTenantView | undefined> => {
      const [tenant] = await managerOf(this.source).query<AdminTenantView[]>(INSERT, [uuidv7(), name, operationId]);
      if (!tenant) return undefined;
      await this.recordAudit('tenant.create', tenant.id, { name });
      if (ownerId !== undefined) await this.writeMember(tenant.id, ownerId, [OWNER_ROLE]);
      return tenant;
    };
    const created = await (ownerId === undefined
      ? inTransaction(this.source, insert)
      : this.accounts.run(ownerId, insert));
    if (created) return created;
    const tenant = await this.findByOperation(operationId);
    // The process of the first request may have ended before its events were recorded.
    await this.recordAudit('tenant.create', tenant.id, { name, ownerId, repeated: true });
    return tenant;
  }

  private async findByOperation(operationId: string | null): Promise<AdminTenantView> {
    const [tenant] = await this.source.query<AdminTenantView[]>(
      'SELECT id, name, created_at AS "createdAt" FROM tenants WHERE operation_id = $1',
      [operationId],
    );
    if (tenant) return tenant;
    throw new ProblemException('CONFLICT', 'The tenant that the first request created has been deleted.');
  }

  /** Deletes a tenant, and its rows in tables with `ON DELETE CASCADE`. */
  async remove(tenantId: string): Promise<void> {
    await inTransaction(this.source, async () => {
      await this.memberships.lock([tenantId]);
      const members = await this.readMembers(tenantId, null);
      const { affected } = await managerOf(this.source).delete(Tenant, { id: tenantId });
      if (affected !== 1) throw new ProblemException('NOT_FOUND', NO_SUCH_TENANT);
      await this.recordAudit('tenant.delete', tenantId);
      for (const { userId } of members) await afterCommit(() => this.revocations.userChanged(userId));
    });
  }

  /**
   * Adds a member or changes the roles of a member, for administrators.
   *
   * @throws ProblemException `VALIDATION_FAILED` for a role that is not a tenant role, `NOT_FOUND`, `CONFLICT` for the
   *   last owner
   */
  setMember(tenantId: string, userId: string, roles: readonly string[]): Promise<void> {
    return this.accounts.run(userId, () => this.writeMember(tenantId, userId, roles));
  }

  /** Removes a member, for administrators. @throws ProblemException `NOT_FOUND`, `CONFLICT` for the last owner */
  removeMember(tenantId: string, userId: string): Promise<void> {
    return this.accounts.run(userId, () => this.deleteMember(tenantId, userId));
  }

  /**
   * Changes the roles of a member, for another member of the tenant. The actor can add and remove only roles that the
   * actor has.
   *
   * @throws ProblemException as {@link setMember}, and `ACCESS_DENIED`
   */
  changeMemberAs(actor: Principal, tenantId: string, userId: string, roles: readonly string[]): Promise<void> {
    return this.changeAs(actor, tenantId, userId, roles, () => this.writeMember(tenantId, userId, roles));
  }

  /** Removes a member, by the rules of {@link changeMemberAs}. @throws ProblemException as {@link removeMember}, and `ACCESS_DENIED` */
  removeMemberAs(actor: Principal, tenantId: string, userId: string): Promise<void> {
    return this.changeAs(actor, tenantId, userId, [], () => this.deleteMember(tenantId, userId));
  }

  /** Checks and writes while it holds the locks of both accounts and of the tenant, so that the checked roles stay current. */
  private changeAs(
    actor: Principal,
    tenantId: string,
    userId: string,
    roles: readonly string[],
    write: () => Promise<void>,
  ): Promise<void> {
    const run = async ({ id, roles: accountRoles }: UserRecord): Promise<void> => {
      await this.memberships.lock([tenantId]);
      const actorRoles = (await this.memberships.getMemberships(id)).get(tenantId);
      if (!actorRoles) throw new ProblemException('NOT_FOUND', NO_SUCH_TENANT);
      const before = (await this.memberships.getMemberships(userId)).get(tenantId);
      if (!before) throw new ProblemException('NOT_FOUND', 'There is no such member.');
      this.assertMayChange(this.access.getGrantsOfRoles([...accountRoles, ...actorRoles]), userId, [
        ...before,
        ...roles,
      ]);
      await write();
    };
    return this.accounts.runAs(actor, run, { otherUserIds: [userId] });
  }

  private assertMayChange(grants: Grants, userId: string, roles: readonly string[]): void {
    const known = this.access.getRoleNames('tenant');
    const missing = roles.filter((role) => known.includes(role) && !grants.hasRole(role));
    const canWrite = grants.hasPermission('tenant:members:write');
    if (missing.length === 0 && canWrite) return;
    this.audit.record({
      action: 'access.denied',
      outcome: 'denied',
      target: `user:${userId}`,
      metadata: canWrite
        ? { reason: 'role', required: missing }
        : { reason: 'permission', required: ['tenant:members:write'] },
    });
    throw new ProblemException('ACCESS_DENIED', 'You cannot add or remove roles that you do not have.');
  }

  private async writeMember(tenantId: string, userId: string, roles: readonly string[]): Promise<void> {
    const after = [...new Set(roles)];
    await this.memberships.setMember(tenantId, userId, after);
    await afterCommit(() => this.revocations.userChanged(userId));
    await this.recordAudit('tenant.member_set', tenantId, { userId, roles: after });
  }

  private async deleteMember(tenantId: string, userId: string): Promise<void> {
    if (!(await this.memberships.removeMember(tenantId, userId))) {
      throw new ProblemException('NOT_FOUND', 'There is no such member.');
    }
    await afterCommit(() => this.revocations.userChanged(userId));
    await this.recordAudit('tenant.member_remove', tenantId, { userId });
  }

  private readMembers(tenantId: string, limit: number | null): Promise<{ userId: string; roles: string[] }[]> {
    return managerOf(this.source).query(
      `SELECT user_id AS "userId", roles FROM tenant_members WHERE tenant_id = $1 ORDER BY created_at, user_id LIMIT $2`,
      [tenantId, limit],
    );
  }

  private recordAudit<A extends AuditAction>(action: A, tenantId: string, metadata?: AuditMetadata<A>): Promise<void> {
    const event: AuditInput<AuditAction> = {
      action,
      outcome: 'success',
      target: `tenant:${tenantId}`,
      tenantId,
      metadata,
    };
    return afterCommit(() => this.audit.record({ ...event, delivery: 'durable' }));
  }
}

function toView({ id, name, createdAt }: Tenant): AdminTenantView {
  return { id, name, createdAt };
}
