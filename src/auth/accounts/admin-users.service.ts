import { randomBytes } from 'node:crypto';
import { Injectable, Optional } from '@nestjs/common';
import { AccessControl } from '../../authorization/index.js';
import { CursorCodec, readPage } from '../../conventions/index.js';
import {
  AuditTrail,
  NoAuditTrail,
  TenantDirectory,
  type AuditAction,
  type AuditInput,
  type AuditMetadata,
} from '../../ports/index.js';
import { ProblemException } from '../../problem/index.js';
import type { Principal } from '../../context/index.js';
import { afterCommit } from '../../database/index.js';
import { UsersService, type UserRecord } from '../../users/index.js';
import type { AdminUserDto, ListUsersDto, MembershipDto } from './account.dto.js';
import { AccountService } from './account.service.js';
import { AccountTransactions, type AccountTransactionOptions } from './account-transactions.js';
import { AdministratorsService } from './administrators.service.js';
import { OneTimeTokenService } from './one-time-token.service.js';
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
    private readonly transactions: AccountTransactions,
    private readonly accounts: AccountService,
    private readonly administrators: AdministratorsService,
    private readonly tokens: OneTimeTokenService,
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
    const { items, next, prev } = await readPage<UserRecord>(
      page,
      ({ id }) => [id],
      (position, most) => {
        const side = position?.direction === 'prev' ? 'before' : 'after';
        return this.users.search({ search, ...(position && { [side]: String(position.values[0]) }), limit: most });
      },
    );
    return { users: items.map(adminViewOf), next, prev };
  }

  /**
   * @throws ProblemException `NOT_FOUND`, `VALIDATION_FAILED`, `ACCESS_DENIED` where the administrator does not hold the roles
   *   concerned, `CONFLICT` where the last administrator, or the last owner of a tenant, would be lost
   */
  async change(admin: Principal, id: string, changes: AdminUserDto): Promise<AdminUserView> {
    const { roles, locked, deactivated, tenants } = changes;
    this.assertRoles(roles ?? []);
    const write = async (before: UserRecord, actor: UserRecord): Promise<AdminUserView> => {
      const takesAdmin =
        locked === true || deactivated === true || (roles && !this.administrators.isAdministrator({ roles }));
      if (takesAdmin) {
        if (before.id === actor.id) throw ownAccount();
        await this.administrators.assertNotLast(before);
      }
      if (roles) this.assertMayGive(actor, changedRoles(before.roles, roles));
      if (tenants) await this.replaceTenants(before.id, tenants);
      const user = await this.users.update(before.id, {
        ...(roles && { roles: [...new Set(roles)] }),
        ...(locked !== undefined && { lockedAt: locked ? (before.lockedAt ?? new Date()) : null }),
        ...(deactivated !== undefined && { deactivatedAt: deactivated ? (before.deactivatedAt ?? new Date()) : null }),
      });
      if (roles) await this.tokens.revokeAll(user.id, 'second-factor');
      if (locked === true || deactivated === true) await this.accounts.voidCredentials(user.id);
      else await afterCommit(() => this.revocations.userChanged(user.id));
      if (roles) await this.recordAudit('user.roles_change', user.id, { before: before.roles, after: user.roles });
      if (locked !== undefined) await this.recordAudit(locked ? 'user.lock' : 'user.unlock', user.id);
      if (deactivated !== undefined) {
        await this.recordAudit(deactivated ? 'user.deactivate' : 'user.reactivate', user.id);
      }
      return adminViewOf(user);
    };
    return this.act(admin, id, write, { administrators: true });
  }

  /** For a user who has lost the app and the recovery codes. @throws ProblemException `NOT_FOUND`, `ACCESS_DENIED` */
  removeSecondFactor(admin: Principal, id: string): Promise<void> {
    return this.act(admin, id, async (user) => {
      await this.factors.remove(user);
      await this.sessions.revokeAll(user.id);
      await this.recordAudit('user.mfa_removed', user.id);
    });
  }

  /** Voids the password and every credential, and mails a token. @throws ProblemException `NOT_FOUND`, `ACCESS_DENIED` */
  async forceReset(admin: Principal, id: string): Promise<void> {
    const passwordHash = await this.passwords.hash(randomBytes(32).toString('base64url'));
    await this.act(admin, id, async (user) => {
      await this.users.update(user.id, { passwordHash });
      await this.accounts.voidCredentials(user.id);
      await this.accounts.sendReset(user);
      await this.recordAudit('user.password_reset_forced', user.id);
    });
  }

  /** @throws ProblemException `NOT_FOUND`, `ACCESS_DENIED` */
  endSessions(admin: Principal, id: string): Promise<void> {
    return this.act(admin, id, async (user) => {
      await this.recordAudit('user.sessions_end', user.id, { ended: await this.sessions.revokeAll(user.id) });
    });
  }

  /** Under the locks of both accounts, by the roles that hold in this moment. */
  private act<T>(
    admin: Principal,
    id: string,
    work: (user: UserRecord, actor: UserRecord) => Promise<T>,
    options: Pick<AccountTransactionOptions, 'administrators'> = {},
  ): Promise<T> {
    const run = async (actor: UserRecord): Promise<T> => {
      if (!this.administrators.isAdministrator(actor)) {
        throw new ProblemException('ACCESS_DENIED', 'You are no administrator any more.');
      }
      const user = await this.users.get(id);
      this.assertNotAbove(actor, user.roles);
      return work(user, actor);
    };
    return this.transactions.runAs(admin, run, { ...options, also: [id] });
  }

  private async replaceTenants(userId: string, tenants: readonly MembershipDto[]): Promise<void> {
    if (!this.directory) throw new ProblemException('VALIDATION_FAILED', 'There are no tenants here.');
    const before = Object.fromEntries(await this.directory.getMemberships(userId));
    const after = new Map(tenants.map(({ id, roles }) => [id.toLowerCase(), [...new Set(roles)]]));
    await this.directory.replaceMemberships(userId, after);
    await this.recordAudit('user.tenants_change', userId, { before, after: Object.fromEntries(after) });
  }

  private assertRoles(roles: readonly string[]): void {
    const known = this.access.getRoleNames('account');
    if (roles.every((role) => known.includes(role))) return;
    throw new ProblemException('VALIDATION_FAILED', 'A user can only be given roles that there are.', {
      errors: [{ path: 'roles', code: 'roleUnknown', message: `roles must be some of ${known.join(', ')}` }],
    });
  }

  /** Nobody gives or takes a role above their own; who may do everything (`*`) manages all roles but those of administrators. */
  private assertMayGive(actor: UserRecord, roles: readonly string[]): void {
    const own = this.access.getGrantsOfRoles(actor.roles);
    const known = this.access.getRoleNames('account');
    const isCovered = (role: string) =>
      own.hasPermission('*') && !this.administrators.isAdministrator({ roles: [role] });
    this.assertNone(roles.filter((role) => known.includes(role) && !own.hasRole(role) && !isCovered(role)));
  }

  /** Nobody acts on an administrator with a role above their own. */
  private assertNotAbove(actor: UserRecord, roles: readonly string[]): void {
    const own = this.access.getGrantsOfRoles(actor.roles);
    const adminRoles = roles.filter((role) => this.administrators.isAdministrator({ roles: [role] }));
    this.assertNone(adminRoles.filter((role) => !own.hasRole(role)));
  }

  private assertNone(beyond: readonly string[]): void {
    if (beyond.length === 0) return;
    this.audit.record({
      action: 'access.denied',
      outcome: 'denied',
      metadata: { reason: 'role', required: beyond },
    });
    throw new ProblemException(
      'ACCESS_DENIED',
      `You do not hold the role ${beyond.join(', ')} yourself. Ask somebody who does.`,
    );
  }

  private recordAudit<A extends AuditAction>(action: A, id: string, metadata?: AuditMetadata<A>): Promise<void> {
    const event: AuditInput<AuditAction> = { action, outcome: 'success', target: `user:${id}`, metadata };
    return afterCommit(() => this.audit.record(event));
  }
}

/** Roles that are given or taken. */
function changedRoles(before: readonly string[], after: readonly string[]): string[] {
  return [...after.filter((role) => !before.includes(role)), ...before.filter((role) => !after.includes(role))];
}

function ownAccount(): ProblemException {
  return new ProblemException('CONFLICT', 'You cannot lock yourself or give up your own role. Ask another admin.');
}

function adminViewOf(user: UserRecord): AdminUserView {
  return Object.assign(viewOf(user), {
    locked: user.lockedAt !== null,
    deactivated: user.deactivatedAt !== null,
    emailVerified: user.emailVerifiedAt !== null,
  });
}
