import { Injectable, Optional } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, Repository } from 'typeorm';
import { AccountTransactions, AuthService, RevocationService, type AccessTokenView } from '../auth/index.js';
import { AccessControl, type Grants } from '../authorization/index.js';
import { AuditTrail, NoAuditTrail } from '../ports/index.js';
import { ProblemException } from '../problem/index.js';
import { uuidv7 } from '../common/index.js';
import type { Principal } from '../context/index.js';
import { CursorCodec, readKeysetPage } from '../conventions/index.js';
import { afterCommit, inTransaction, managerOf } from '../database/index.js';
import { currentOperationId } from '../idempotency/index.js';
import { UsersService, type UserRecord } from '../users/index.js';
import { OWNER, TenantMemberships } from './tenant-memberships.js';
import { Tenant } from './tenant.entity.js';
import type { AdminTenantView, MemberView, TenantPage, TenantView } from './tenants.dto.js';

const PAGE = 50;
const LISTED_MEMBERS = 1_000;
const INSERT = `
  INSERT INTO tenants (id, name, operation_id) VALUES ($1, $2, $3)
    ON CONFLICT (operation_id) DO NOTHING RETURNING id, name, created_at AS "createdAt"`;
export const NO_SUCH_TENANT = 'There is no such tenant.';

/** Tenants and their members. @publicApi */
@Injectable()
export class TenantsService {
  constructor(
    @InjectRepository(Tenant) private readonly tenants: Repository<Tenant>,
    private readonly source: DataSource,
    private readonly memberships: TenantMemberships,
    private readonly access: AccessControl,
    private readonly users: UsersService,
    private readonly accounts: AccountTransactions,
    private readonly auth: AuthService,
    private readonly revocations: RevocationService,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() private readonly cursors: CursorCodec = new CursorCodec(),
  ) {}

  async listOf({ id, tenantId }: Principal): Promise<TenantView[]> {
    const rows = await this.source.query<Omit<TenantView, 'current'>[]>(
      `SELECT t.id, t.name, m.roles FROM tenant_members m JOIN tenants t ON t.id = m.tenant_id
        WHERE m.user_id = $1 ORDER BY t.name, t.id`,
      [id],
    );
    return rows.map((row) => ({ ...row, current: row.id === tenantId }));
  }

  /** @throws ProblemException `NOT_FOUND` for a tenant that the caller does not belong to, be there one or not */
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

  /** The first thousand, in the order in which they joined. */
  async members(tenantId: string): Promise<MemberView[]> {
    const rows = await this.memberRows(tenantId, LISTED_MEMBERS);
    // Not by a join: users may be in another store.
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
    const { items, next, prev } = await readKeysetPage(this.tenants.createQueryBuilder('tenant'), {
      codec: this.cursors,
      list: 'tenants',
      limit: PAGE,
      cursor,
      columns: [{ sql: 'tenant.id', value: ({ id }) => id }],
    });
    return { tenants: items.map(viewOf), next, prev };
  }

  /**
   * A repetition with the same idempotency key answers with the tenant that the first request made.
   *
   * @throws ProblemException `NOT_FOUND` where there is no such owner: then no tenant is made either
   */
  async create(name: string, ownerId?: string): Promise<AdminTenantView> {
    const operationId = currentOperationId() ?? null;
    const insert = async (): Promise<AdminTenantView | undefined> => {
      const [tenant] = await managerOf(this.source).query<AdminTenantView[]>(INSERT, [uuidv7(), name, operationId]);
      if (!tenant) return undefined;
      await this.recordAudit('tenant.create', tenant.id, { name });
      if (ownerId !== undefined) await this.writeMember(tenant.id, ownerId, [OWNER]);
      return tenant;
    };
    const made = await (ownerId === undefined
      ? inTransaction(this.source, insert)
      : this.accounts.run(ownerId, insert));
    if (made) return made;
    const tenant = await this.madeBy(operationId);
    // The process of the first request may have ended before its events were recorded.
    await this.recordAudit('tenant.create', tenant.id, { name, ownerId, repeated: true });
    return tenant;
  }

  private async madeBy(operationId: string | null): Promise<AdminTenantView> {
    const [tenant] = await this.source.query<AdminTenantView[]>(
      'SELECT id, name, created_at AS "createdAt" FROM tenants WHERE operation_id = $1',
      [operationId],
    );
    if (tenant) return tenant;
    throw new ProblemException('CONFLICT', 'The tenant that this request made has been deleted since.');
  }

  /** Everything that belongs to the tenant goes with it, as far as tables say so (`ON DELETE CASCADE`). */
  async remove(tenantId: string): Promise<void> {
    await inTransaction(this.source, async () => {
      await this.memberships.lock([tenantId]);
      const members = await this.memberRows(tenantId, null);
      const { affected } = await managerOf(this.source).delete(Tenant, { id: tenantId });
      if (affected !== 1) throw new ProblemException('NOT_FOUND', NO_SUCH_TENANT);
      await this.recordAudit('tenant.delete', tenantId);
      for (const { userId } of members) await afterCommit(() => this.revocations.userChanged(userId));
    });
  }

  /**
   * Adds a member or changes its roles, for administrators.
   *
   * @throws ProblemException `VALIDATION_FAILED` for a role that is none of tenants, `NOT_FOUND`, `CONFLICT` for the last owner
   */
  setMember(tenantId: string, userId: string, roles: readonly string[]): Promise<void> {
    return this.accounts.run(userId, () => this.writeMember(tenantId, userId, roles));
  }

  /** For administrators. @throws ProblemException `NOT_FOUND`, `CONFLICT` for the last owner */
  removeMember(tenantId: string, userId: string): Promise<void> {
    return this.accounts.run(userId, () => this.deleteMember(tenantId, userId));
  }

  /**
   * Changes the roles of a member, for somebody of the tenant: nobody gives or takes a role that they do not have.
   *
   * @throws ProblemException as {@link setMember}, and `ACCESS_DENIED`
   */
  changeMemberAs(actor: Principal, tenantId: string, userId: string, roles: readonly string[]): Promise<void> {
    return this.actAs(actor, tenantId, userId, roles, () => this.writeMember(tenantId, userId, roles));
  }

  /** As {@link changeMemberAs}. @throws ProblemException as {@link removeMember}, and `ACCESS_DENIED` */
  removeMemberAs(actor: Principal, tenantId: string, userId: string): Promise<void> {
    return this.actAs(actor, tenantId, userId, [], () => this.deleteMember(tenantId, userId));
  }

  /** Decides and writes under the locks of both accounts and of the tenant, by the roles that hold in this moment. */
  private actAs(
    actor: Principal,
    tenantId: string,
    userId: string,
    roles: readonly string[],
    write: () => Promise<void>,
  ): Promise<void> {
    const run = async ({ id, roles: accountRoles }: UserRecord): Promise<void> => {
      await this.memberships.lock([tenantId]);
      const own = (await this.memberships.getMemberships(id)).get(tenantId);
      if (!own) throw new ProblemException('NOT_FOUND', NO_SUCH_TENANT);
      const before = (await this.memberships.getMemberships(userId)).get(tenantId);
      if (!before) throw new ProblemException('NOT_FOUND', 'There is no such member.');
      this.assertMayChange(this.access.getGrantsOfRoles([...accountRoles, ...own]), userId, [...before, ...roles]);
      await write();
    };
    return this.accounts.runAs(actor, run, { also: [userId] });
  }

  private assertMayChange(grants: Grants, userId: string, roles: readonly string[]): void {
    const known = this.access.getRoleNames('tenant');
    const beyond = roles.filter((role) => known.includes(role) && !grants.hasRole(role));
    const canWrite = grants.hasPermission('tenant:members:write');
    if (beyond.length === 0 && canWrite) return;
    this.audit.record({
      action: 'access.denied',
      outcome: 'denied',
      target: `user:${userId}`,
      metadata: canWrite
        ? { reason: 'role', required: beyond }
        : { reason: 'permission', required: ['tenant:members:write'] },
    });
    throw new ProblemException('ACCESS_DENIED', 'You cannot give or take roles that you do not have yourself.');
  }

  private async writeMember(tenantId: string, userId: string, roles: readonly string[]): Promise<void> {
    const after = [...new Set(roles)];
    await this.memberships.set(tenantId, userId, after);
    await afterCommit(() => this.revocations.userChanged(userId));
    await this.recordAudit('tenant.member_set', tenantId, { userId, roles: after });
  }

  private async deleteMember(tenantId: string, userId: string): Promise<void> {
    if (!(await this.memberships.remove(tenantId, userId))) {
      throw new ProblemException('NOT_FOUND', 'There is no such member.');
    }
    await afterCommit(() => this.revocations.userChanged(userId));
    await this.recordAudit('tenant.member_remove', tenantId, { userId });
  }

  private memberRows(tenantId: string, limit: number | null): Promise<{ userId: string; roles: string[] }[]> {
    return managerOf(this.source).query(
      `SELECT user_id AS "userId", roles FROM tenant_members WHERE tenant_id = $1 ORDER BY created_at, user_id LIMIT $2`,
      [tenantId, limit],
    );
  }

  private recordAudit(action: string, tenantId: string, metadata?: Record<string, unknown>): Promise<void> {
    const event = { action, outcome: 'success', target: `tenant:${tenantId}`, tenantId, metadata } as const;
    return afterCommit(() => this.audit.record({ ...event, delivery: 'durable' }));
  }
}

function viewOf({ id, name, createdAt }: Tenant): AdminTenantView {
  return { id, name, createdAt };
}
