import { Injectable, Optional } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, Repository } from 'typeorm';
import { AuthService, RevocationService, type AccessTokenView } from '../auth/index.js';
import { AccessControl } from '../authorization/index.js';
import { AuditTrail, NoAuditTrail, ProblemException, uuidv7, type Principal } from '../common/index.js';
import { CursorCodec, keysetPage } from '../conventions/index.js';
import { afterCommit, inTransaction, managerOf } from '../database/index.js';
import { currentOperationId } from '../idempotency/index.js';
import { UsersService } from '../users/index.js';
import { TenantMemberships } from './tenant-memberships.js';
import { Tenant } from './tenant.entity.js';
import type { AdminTenantView, MemberView, TenantPage, TenantView } from './tenants.dto.js';

const PAGE = 50;
const LISTED_MEMBERS = 1_000;
const INSERT = `
  INSERT INTO tenants (id, name, operation_id) VALUES ($1, $2, $3)
    ON CONFLICT (operation_id) DO NOTHING RETURNING id`;
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
    const { items, next, prev } = await keysetPage(this.tenants.createQueryBuilder('tenant'), {
      codec: this.cursors,
      list: 'tenants',
      limit: PAGE,
      cursor,
      columns: [{ sql: 'tenant.id', value: ({ id }) => id }],
    });
    return { tenants: items.map(viewOf), next, prev };
  }

  /** A repetition with the same idempotency key answers with the tenant that the first request made. */
  async create(name: string, ownerId?: string): Promise<AdminTenantView> {
    const operationId = currentOperationId() ?? null;
    const id = await inTransaction(this.source, async () => {
      const [inserted] = await managerOf(this.source).query<{ id: string }[]>(INSERT, [uuidv7(), name, operationId]);
      if (!inserted) return undefined;
      await afterCommit(() => this.note('tenant.create', inserted.id, { name }));
      if (ownerId !== undefined) await this.setMember(inserted.id, ownerId, ['TenantOwner']);
      return inserted.id;
    });
    if (id !== undefined) return viewOf(await this.tenants.findOneByOrFail({ id }));
    const tenant = await this.madeBy(operationId);
    // The process of the first request may have ended before its events were recorded.
    this.note('tenant.create', tenant.id, { name, ownerId, repeated: true });
    return tenant;
  }

  private async madeBy(operationId: string | null): Promise<AdminTenantView> {
    const [tenant] = await this.source.query<AdminTenantView[]>(
      'SELECT id, name, created_at AS "createdAt" FROM tenants WHERE operation_id = $1',
      [operationId],
    );
    if (!tenant)
      throw new ProblemException('CONFLICT', 'The tenant that this request made has been deleted meanwhile.');
    return tenant;
  }

  /** Everything that belongs to the tenant goes with it, as far as tables say so (`ON DELETE CASCADE`). */
  async remove(tenantId: string): Promise<void> {
    const members = await this.memberRows(tenantId, null);
    const { affected } = await this.tenants.delete({ id: tenantId });
    if (affected !== 1) throw new ProblemException('NOT_FOUND', NO_SUCH_TENANT);
    this.note('tenant.delete', tenantId);
    for (const { userId } of members) await this.revocations.userChanged(userId);
  }

  /** @throws ProblemException `VALIDATION_FAILED` for a role that is none of tenants, `NOT_FOUND` */
  async setMember(tenantId: string, userId: string, roles: readonly string[]): Promise<void> {
    const after = [...new Set(roles)];
    await this.users.get(userId);
    await this.memberships.set(tenantId, userId, after);
    await afterCommit(() => this.revocations.userChanged(userId));
    await afterCommit(() => this.note('tenant.member_set', tenantId, { userId, roles: after }));
  }

  /** @throws ProblemException `NOT_FOUND` */
  async removeMember(tenantId: string, userId: string): Promise<void> {
    if (!(await this.memberships.remove(tenantId, userId))) {
      throw new ProblemException('NOT_FOUND', 'There is no such member.');
    }
    await this.revocations.userChanged(userId);
    this.note('tenant.member_remove', tenantId, { userId });
  }

  /**
   * Whether somebody in a tenant may give these roles to a member, or take them away: nobody gets or loses by another
   * what that other does not have.
   *
   * @throws ProblemException `NOT_FOUND` for who is no member, `ACCESS_DENIED`
   */
  async assertMayChange(actor: Principal, tenantId: string, userId: string, roles: readonly string[]): Promise<void> {
    const before = (await this.memberships.membershipsOf(userId)).get(tenantId);
    if (!before) throw new ProblemException('NOT_FOUND', 'There is no such member.');
    const own = this.access.grantsOf(actor);
    const beyond = [...before, ...roles].filter(
      (role) => !own.hasRole(role) && this.access.rolesOf('tenant').includes(role),
    );
    if (beyond.length === 0) return;
    this.audit.record({
      action: 'access.denied',
      outcome: 'denied',
      target: `user:${userId}`,
      metadata: { reason: 'role', required: beyond },
    });
    throw new ProblemException('ACCESS_DENIED', 'You cannot give or take roles that you do not have yourself.');
  }

  private memberRows(tenantId: string, limit: number | null): Promise<{ userId: string; roles: string[] }[]> {
    return this.source.query(
      `SELECT user_id AS "userId", roles FROM tenant_members WHERE tenant_id = $1 ORDER BY created_at, user_id LIMIT $2`,
      [tenantId, limit],
    );
  }

  private note(action: string, tenantId: string, metadata?: Record<string, unknown>): void {
    const target = `tenant:${tenantId}`;
    this.audit.record({ action, outcome: 'success', target, tenantId, delivery: 'durable', metadata });
  }
}

function viewOf({ id, name, createdAt }: Tenant): AdminTenantView {
  return { id, name, createdAt };
}
