import { Inject, Injectable, Logger, Optional, type OnApplicationBootstrap } from '@nestjs/common';
import { AccessControl } from '../../authorization/index.js';
import { AuditTrail, NoAuditTrail } from '../../ports/index.js';
import { ProblemException, type FieldError } from '../../problem/index.js';
import { normalizeEmail, Role, UsersService, type UserRecord } from '../../users/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { canAct } from './account-transactions.js';
import { PasswordService } from '../passwords/password.service.js';

/** @publicApi */
export interface NewAdministrator {
  readonly email: string;
  readonly password: string;
  /** @default 'Administrator' */
  readonly name?: string;
  /** Roles of accounts; one has to be `Admin`, or a role that inherits it. @default ['Admin', 'User'] */
  readonly roles?: readonly string[];
}

/** Makes administrators at the first start and from the command line, and keeps the last one. @publicApi */
@Injectable()
export class AdministratorsService implements OnApplicationBootstrap {
  private readonly logger = new Logger('Auth');

  /** Roles that make an administrator: `Admin` and what inherits it. */
  private readonly adminRoles: readonly string[];

  constructor(
    private readonly users: UsersService,
    private readonly passwords: PasswordService,
    private readonly access: AccessControl,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
  ) {
    this.adminRoles = access
      .getRoleNames('account')
      .filter((role) => access.getGrantsOfRoles([role]).hasRole(Role.Admin));
  }

  /** Only where there is no administrator yet: a deleted one does not come back. */
  async onApplicationBootstrap(): Promise<void> {
    const { admin } = this.settings;
    if (!admin || (await this.users.hasUserWithRole(this.adminRoles))) return;
    await this.assertUsable(admin);
    try {
      await this.add(admin);
      this.logger.log(`made the first administrator, ${normalizeEmail(admin.email)}`);
    } catch (error) {
      if (!(error instanceof ProblemException && error.code === 'EMAIL_TAKEN')) throw error;
      // Another replica that started at the same moment may have been first.
      if (await this.users.hasUserWithRole(this.adminRoles)) return;
      this.logger.warn(
        `ADMIN_EMAIL is the address of an account that is no administrator, and there is none. Make one by: ` +
          'npx nest-bulwark admin create --email ADDRESS --generate-password',
      );
    }
  }

  isAdministrator({ roles }: { readonly roles: readonly string[] }): boolean {
    return roles.some((role) => this.adminRoles.includes(role));
  }

  /**
   * For a flow that holds the lock of administrators, and takes this account, or its role, out of use.
   *
   * @throws ProblemException `CONFLICT` where no other administrator could act then
   */
  async assertNotLast(user: UserRecord): Promise<void> {
    if (!this.isAdministrator(user) || !canAct(user)) return;
    if (await this.users.hasUserWithRole(this.adminRoles, { exceptId: user.id, isActive: true })) return;
    throw new ProblemException('CONFLICT', 'This is the last administrator. Make another one first.');
  }

  /** @throws ProblemException `EMAIL_TAKEN`, `VALIDATION_FAILED` where the password may not be used */
  async create(admin: NewAdministrator): Promise<UserRecord> {
    this.assertRoles(admin.roles);
    await this.passwords.assertUsable(admin.password, admin);
    return this.add(admin);
  }

  /** The first administrator's password obeys the rules of every account. */
  private async assertUsable({ email, password }: NewAdministrator): Promise<void> {
    try {
      await this.passwords.assertUsable(password, { email, name: 'Administrator' });
    } catch (error) {
      const errors = error instanceof ProblemException ? (error.extensions['errors'] as FieldError[] | undefined) : [];
      const [problem] = errors ?? [];
      if (!problem) throw error;
      throw new Error(
        `The first administrator cannot be made: ${problem.message}.\n  → set ADMIN_PASSWORD to another; make one with: openssl rand -base64 18`,
        { cause: error },
      );
    }
  }

  private assertRoles(roles: readonly string[] | undefined): void {
    const known = this.access.getRoleNames('account');
    if (roles === undefined || (roles.every((role) => known.includes(role)) && this.isAdministrator({ roles }))) return;
    throw new ProblemException('VALIDATION_FAILED', 'An administrator needs roles of accounts that include Admin.', {
      errors: [
        { path: 'roles', code: 'roleUnknown', message: `roles must be some of ${known.join(', ')}, with Admin` },
      ],
    });
  }

  private async add({
    email,
    password,
    name = 'Administrator',
    roles = [Role.Admin, Role.User],
  }: NewAdministrator): Promise<UserRecord> {
    const passwordHash = await this.passwords.hash(password);
    const user = await this.users.create({
      email,
      name,
      passwordHash,
      roles: [...roles],
      emailVerifiedAt: new Date(),
    });
    this.audit.record({ action: 'user.admin_create', outcome: 'success', target: `user:${user.id}` });
    return user;
  }
}
