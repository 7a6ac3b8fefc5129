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
import { Role, UsersService, type UserRecord } from '../../users/index.js';
import type { AdminUserDto, CreateUserDto, ListUsersDto, MembershipDto } from './account.dto.js';
import { AccountMails } from './account-mails.service.js';
import { AccountService } from './account.service.js';
import { AccountTransactions, type AccountTransactionOptions } from './account-transactions.js';
import { AdministratorsService } from './administrators.service.js';
import { OneTimeTokenService } from './one-time-token.service.js';
import { toUserView, type UserView } from '../auth.dto.js';
import { PasswordService } from '../passwords/password.service.js';
import { RevocationService } from '../sessions/revocation.service.js';
import { SecondFactorService } from '../second-factor/second-factor.service.js';
import { SessionService } from '../sessions/session.service.js';

const DEFAULT_PAGE_SIZE = 20;

/** The fields of a user that administrators may see. */
export interface AdminUserView extends UserView {
  locked: boolean;
  deactivated: boolean;
  emailVerified: boolean;
}

export interface UserPage {
  users: readonly AdminUserView[];
  /** Cursor of the next page. Null on the last page. */
  next: string | null;
  /** Cursor of the previous page. Null on the first page. */
  prev: string | null;
}

/** Actions of administrators on accounts of other users. @publicApi */
@Injectable()
export class AdminUsersService {
  constructor(
    private readonly users: UsersService,
    private readonly transactions: AccountTransactions,
    private readonly accounts: AccountService,
    private readonly administrators: AdministratorsService,
    private readonly mails: AccountMails,
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
  async list({ search, cursor, limit = String(DEFAULT_PAGE_SIZE) }: ListUsersDto): Promise<UserPage> {
    const page = { codec: this.cursors, list: `users ${search ?? ''}`, limit: Number(limit), cursor };
    const { items, next, prev } = await readPage<UserRecord>(
      page,
      ({ id }) => [id],
      (position, maxItems) => {
        const side = position?.direction === 'prev' ? 'before' : 'after';
        return this.users.search({ search, ...(position && { [side]: String(position.values[0]) }), limit: maxItems });
      },
    );
    return { users: items.map(toAdminUserView), next, prev };
  }

  /**
   * Creates an account, and mails its owner a token to choose a password.
   *
   * @throws ProblemException `EMAIL_TAKEN`, `VALIDATION_FAILED`, `ACCESS_DENIED` if the administrator does not have the roles
   */
  async create(admin: Principal, { email, name, roles = [Role.User] }: CreateUserDto): Promise<AdminUserView> {
    this.assertRolesExist(roles);
    // Nobody knows this password.
    const passwordHash = await this.passwords.hash(randomBytes(32).toString('base64url'));
    return this.transactions.runAs(admin, async (actor) => {
      this.assertIsAdministrator(actor);
      this.assertCanAssign(actor, roles);
      const user = await this.users.create({ email, name, passwordHash, roles: [...new Set(roles)] });
      await this.mails.sendInvitation(user);
      await this.recordAudit('user.create', user.id, { roles: user.roles });
      return toAdminUserView(user);
    });
  }

  /**
   * @throws ProblemException `NOT_FOUND`, `VALIDATION_FAILED`, `ACCESS_DENIED` if the administrator does not have the changed
   *   roles, `CONFLICT` if the last administrator or the last owner of a tenant would be removed
   */
  async change(admin: Principal, id: string, changes: AdminUserDto): Promise<AdminUserView> {
    const { roles, locked, deactivated, tenants } = changes;
    this.assertRolesExist(roles ?? []);
    const write = async (before: UserRecord, actor: UserRecord): Promise<AdminUserView> => {
      const removesAdministrator =
        locked === true || deactivated === true || (roles && !this.administrators.isAdministrator({ roles }));
      if (removesAdministrator) {
        if (before.id === actor.id) throw createOwnAccountProblem();
        await this.administrators.assertNotLast(before);
      }
      if (roles) this.assertCanAssign(actor, getChangedRoles(before.roles, roles));
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
      return toAdminUserView(user);
    };
    return this.runOnAccount(admin, id, write, { mayRemoveAdministrator: true });
  }

  /**
   * For a user who has lost the authenticator app and the recovery codes.
   *
   * @throws ProblemException `NOT_FOUND`, `ACCESS_DENIED`
   */
  removeSecondFactor(admin: Principal, id: string): Promise<void> {
    return this.runOnAccount(admin, id, async (user) => {
      await this.factors.remove(user);
      await this.sessions.revokeAll(user.id);
      await this.recordAudit('user.mfa_removed', user.id);
    });
  }

  /** Voids the password and all credentials, and mails a reset token. @throws ProblemException `NOT_FOUND`, `ACCESS_DENIED` */
  async forceReset(admin: Principal, id: string): Promise<void> {
    const passwordHash = await this.passwords.hash(randomBytes(32).toString('base64url'));
    await this.runOnAccount(admin, id, async (user) => {
      await this.users.update(user.id, { passwordHash });
      await this.accounts.voidCredentials(user.id);
      await this.accounts.sendReset(user);
      await this.recordAudit('user.password_reset_forced', user.id);
    });
  }

  /** @throws ProblemException `NOT_FOUND`, `ACCESS_DENIED` */
  endSessions(admin: Principal, id: string): Promise<void> {
    return this.runOnAccount(admin, id, async (user) => {
      await this.recordAudit('user.sessions_end', user.id, { ended: await this.sessions.revokeAll(user.id) });
    });
  }

  /** Runs `work` under the locks of both accounts, after a check of the administrator's current roles. */
  private runOnAccount<T>(
    admin: Principal,
    id: string,
    work: (user: UserRecord, actor: UserRecord) => Promise<T>,
    options: Pick<AccountTransactionOptions, 'mayRemoveAdministrator'> = {},
  ): Promise<T> {
    const run = async (actor: UserRecord): Promise<T> => {
      this.assertIsAdministrator(actor);
      const user = await this.users.get(id);
      this.assertCanManage(actor, user.roles);
      return work(user, actor);
    };
    return this.transactions.runAs(admin, run, { ...options, otherUserIds: [id] });
  }

  private assertIsAdministrator(actor: UserRecord): void {
    if (this.administrators.isAdministrator(actor)) return;
    throw new ProblemException('ACCESS_DENIED', 'You are no longer an administrator.');
  }

  private async replaceTenants(userId: string, tenants: readonly MembershipDto[]): Promise<void> {
    if (!this.directory) throw new ProblemException('VALIDATION_FAILED', 'This application has no tenants.');
    const before = Object.fromEntries(await this.directory.getMemberships(userId));
    const after = new Map(tenants.map(({ id, roles }) => [id.toLowerCase(), [...new Set(roles)]]));
    await this.directory.replaceMemberships(userId, after);
    await this.recordAudit('user.tenants_change', userId, { before, after: Object.fromEntries(after) });
  }

  private assertRolesExist(roles: readonly string[]): void {
    const known = this.access.getRoleNames('account');
    if (roles.every((role) => known.includes(role))) return;
    throw new ProblemException('VALIDATION_FAILED', 'At least one of the roles does not exist.', {
      errors: [{ path: 'roles', code: 'roleUnknown', message: `roles must be some of ${known.join(', ')}` }],
    });
  }

  /**
   * An administrator may add and remove only roles that they have themselves. With the permission `*`, they may add and
   * remove all roles except those of administrators.
   */
  private assertCanAssign(actor: UserRecord, roles: readonly string[]): void {
    const own = this.access.getGrantsOfRoles(actor.roles);
    const known = this.access.getRoleNames('account');
    const isCovered = (role: string) =>
      own.hasPermission('*') && !this.administrators.isAdministrator({ roles: [role] });
    this.assertNoneMissing(roles.filter((role) => known.includes(role) && !own.hasRole(role) && !isCovered(role)));
  }

  /** An administrator may not act on another administrator who has an administrator role that they do not have. */
  private assertCanManage(actor: UserRecord, roles: readonly string[]): void {
    const own = this.access.getGrantsOfRoles(actor.roles);
    const adminRoles = roles.filter((role) => this.administrators.isAdministrator({ roles: [role] }));
    this.assertNoneMissing(adminRoles.filter((role) => !own.hasRole(role)));
  }

  private assertNoneMissing(missingRoles: readonly string[]): void {
    if (missingRoles.length === 0) return;
    this.audit.record({
      action: 'access.denied',
      outcome: 'denied',
      metadata: { reason: 'role', required: missingRoles },
    });
    throw new ProblemException(
      'ACCESS_DENIED',
      `You do not have the role ${missingRoles.join(', ')}. Ask an administrator who has it.`,
    );
  }

  private recordAudit<A extends AuditAction>(action: A, id: string, metadata?: AuditMetadata<A>): Promise<void> {
    const event: AuditInput<AuditAction> = { action, outcome: 'success', target: `user:${id}`, metadata };
    return afterCommit(() => this.audit.record(event));
  }
}

/** Returns the added and the removed roles. */
function getChangedRoles(before: readonly string[], after: readonly string[]): string[] {
  return [...after.filter((role) => !before.includes(role)), ...before.filter((role) => !after.includes(role))];
}

function createOwnAccountProblem(): ProblemException {
  return new ProblemException(
    'CONFLICT',
    'You cannot lock or deactivate your own account, or remove your own administrator role. Ask another administrator.',
  );
}

function toAdminUserView(user: UserRecord): AdminUserView {
  return Object.assign(toUserView(user), {
    locked: user.lockedAt !== null,
    deactivated: user.deactivatedAt !== null,
    emailVerified: user.emailVerifiedAt !== null,
  });
}
