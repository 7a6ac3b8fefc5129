import { randomBytes } from 'node:crypto';
import { Injectable, Optional } from '@nestjs/common';
import { AccessControl } from '../../authorization/index.js';
import { CursorCodec, pageOf } from '../../conventions/index.js';
import { AuditTrail, NoAuditTrail, ProblemException, TenantDirectory, type Principal } from '../../common/index.js';
import { Role, UsersService, type UserRecord } from '../../users/index.js';
import type { AdminUserDto, ListUsersDto, MembershipDto } from './account.dto.js';
import { AccountService } from './account.service.js';
import { viewOf, type UserView } from '../auth.dto.js';
import { PasswordService } from '../passwords/password.service.js';
import { RevocationService } from '../sessions/revocation.service.js';
import { SecondFactorService } from '../second-factor/second-factor.service.js';
import { SessionService } from '../sessions/session.service.js';

const PAGE = 20;

/** What administrators see of a user. */
export interface AdminUserView extends UserView {
  locked: boolean;
  deactivated: boolean;
  emailVerified: boolean;
}

export interface UserPage {
  users: readonly AdminUserView[];
  /** Cursor of the next page; null on the last. */
  next: string | null;
  /** Cursor of the page before; null on the first. */
  prev: string | null;
}

/** What administrators do with other people's accounts. @publicApi */
@Injectable()
export class AdminUsersService {
  constructor(
    private readonly users: UsersService,
    private readonly accounts: AccountService,
    private readonly passwords: PasswordService,
    private readonly sessions: SessionService,
    private readonly revocations: RevocationService,
    private readonly factors: SecondFactorService,
    private readonly access: AccessControl,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() private readonly directory?: TenantDirectory,
    @Optional() private readonly cursors: CursorCodec = new CursorCodec(),
  ) {}

  /** @throws ProblemException `CURSOR_INVALID` */
  async list({ search, cursor, limit = String(PAGE) }: ListUsersDto): Promise<UserPage> {
    const page = { codec: this.cursors, list: `users ${search ?? ''}`, limit: Number(limit), cursor };
    const { items, next, prev } = await pageOf<UserRecord>(
      page,
      ({ id }) => [id],
      (position, most) => {
        const side = position?.direction === 'prev' ? 'before' : 'after';
        return this.users.search({ search, ...(position && { [side]: String(position.values[0]) }), limit: most });
      },
    );
    return { users: items.map(adminViewOf), next, prev };
  }

  /** @throws ProblemException `NOT_FOUND`, `VALIDATION_FAILED`, or `CONFLICT` where administrators would shut themselves out */
  async change(
    admin: Principal,
    id: string,
    { roles, locked, deactivated, tenants }: AdminUserDto,
  ): Promise<AdminUserView> {
    if (
      id.toLowerCase() === admin.id &&
      (locked === true || deactivated === true || roles?.includes(Role.Admin) === false)
    ) {
      throw new ProblemException('CONFLICT', 'You cannot lock yourself or give up your own role. Ask another admin.');
    }
    this.assertRoles(roles ?? []);
    const before = await this.users.get(id);
    if (tenants) await this.replaceTenants(id, tenants);
    const user = await this.users.update(id, {
      ...(roles && { roles: [...new Set(roles)] }),
      ...(locked !== undefined && { lockedAt: locked ? (before.lockedAt ?? new Date()) : null }),
      ...(deactivated !== undefined && { deactivatedAt: deactivated ? (before.deactivatedAt ?? new Date()) : null }),
    });
    if (locked === true || deactivated === true) await this.sessions.revokeAll(id);
    else await this.revocations.userChanged(id);
    if (roles) this.note('user.roles_change', id, { before: before.roles, after: user.roles });
    if (locked !== undefined) this.note(locked ? 'user.lock' : 'user.unlock', id);
    if (deactivated !== undefined) this.note(deactivated ? 'user.deactivate' : 'user.reactivate', id);
    return adminViewOf(user);
  }

  /** For a user who has lost the app and the recovery codes. @throws ProblemException `NOT_FOUND` */
  async removeSecondFactor(id: string): Promise<void> {
    await this.users.get(id);
    await this.factors.remove(id);
    await this.sessions.revokeAll(id);
    this.note('user.mfa_removed', id);
  }

  async forceReset(id: string): Promise<void> {
    const user = await this.users.get(id);
    const unknown = await this.passwords.hash(randomBytes(32).toString('base64url'));
    await this.users.update(id, { passwordHash: unknown });
    await this.sessions.revokeAll(id);
    await this.accounts.sendReset(user);
    this.note('user.password_reset_forced', id);
  }

  async endSessions(id: string): Promise<void> {
    await this.users.get(id);
    this.note('user.sessions_end', id, { ended: await this.sessions.revokeAll(id) });
  }

  private async replaceTenants(userId: string, tenants: readonly MembershipDto[]): Promise<void> {
    if (!this.directory) throw new ProblemException('VALIDATION_FAILED', 'There are no tenants here.');
    const before = Object.fromEntries(await this.directory.membershipsOf(userId));
    const after = new Map(tenants.map(({ id, roles }) => [id.toLowerCase(), [...new Set(roles)]]));
    await this.directory.replaceMemberships(userId, after);
    this.note('user.tenants_change', userId, { before, after: Object.fromEntries(after) });
  }

  private assertRoles(roles: readonly string[]): void {
    const known = this.access.rolesOf('account');
    if (roles.every((role) => known.includes(role))) return;
    throw new ProblemException('VALIDATION_FAILED', 'A user can only be given roles that there are.', {
      errors: [{ path: 'roles', code: 'roleUnknown', message: `roles must be some of ${known.join(', ')}` }],
    });
  }

  private note(action: string, id: string, metadata?: Record<string, unknown>): void {
    this.audit.record({ action, outcome: 'success', target: `user:${id}`, metadata });
  }
}

function adminViewOf(user: UserRecord): AdminUserView {
  return Object.assign(viewOf(user), {
    locked: user.lockedAt !== null,
    deactivated: user.deactivatedAt !== null,
    emailVerified: user.emailVerifiedAt !== null,
  });
}
