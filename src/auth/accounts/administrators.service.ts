import { Inject, Injectable, Logger, Optional, type OnApplicationBootstrap } from '@nestjs/common';
import { AccessControl } from '../../authorization/index.js';
import { AuditTrail, NoAuditTrail } from '../../ports/index.js';
import { ProblemException, type FieldError } from '../../problem/index.js';
import { normalizeEmail, Role, UsersService, type UserRecord } from '../../users/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { isAccountActive } from './account-transactions.js';
import { PasswordService } from '../passwords/password.service.js';

/** @publicApi */
export interface NewAdministrator {
  readonly email: string;
  readonly password: string;
  /** @default 'Administrator' */
  readonly name?: string;
  /** Roles of the account. One must be `Admin`, or a role that inherits it. @default ['Admin', 'User'] */
  readonly roles?: readonly string[];
}

/** Creates administrators at the first start and from the command line, and protects the last one. @publicApi */
@Injectable()
export class AdministratorsService implements OnApplicationBootstrap {
  private readonly logger = new Logger('Auth');

  /** Roles of administrators: `Admin` and the roles that inherit it. */
  private readonly adminRoles: readonly string[];

  /** @internal */
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

  /** Creates the configured administrator only if there is no administrator, so a deleted one is not created again. */
  async onApplicationBootstrap(): Promise<void> {
    const { admin } = this.settings;
    if (!admin || (await this.users.hasUserWithRole(this.adminRoles))) return;
    await this.assertFirstPasswordUsable(admin);
    try {
      await this.insert(admin);
      this.logger.log(`created the first administrator, ${normalizeEmail(admin.email)}`);
    } catch (error) {
      if (!(error instanceof ProblemException && error.code === 'EMAIL_TAKEN')) throw error;
      // Another replica that started at the same time may have created it.
      if (await this.users.hasUserWithRole(this.adminRoles)) return;
      this.logger.warn(
        'There is no administrator, and ADMIN_EMAIL belongs to an account that is not one. Create an administrator with: ' +
          'npx nest-bulwark admin create --email ADDRESS --generate-password',
      );
    }
  }

  isAdministrator({ roles }: { readonly roles: readonly string[] }): boolean {
    return roles.some((role) => this.adminRoles.includes(role));
  }

  /**
   * Checks that another active administrator exists, before this account or its role is removed. The caller must hold the
   * lock of administrators.
   *
   * @throws ProblemException `CONFLICT`
   */
  async assertNotLast(user: UserRecord): Promise<void> {
    if (!this.isAdministrator(user) || !isAccountActive(user)) return;
    if (await this.users.hasUserWithRole(this.adminRoles, { exceptId: user.id, isActive: true })) return;
    throw new ProblemException('CONFLICT', 'This is the last administrator. Create another administrator first.');
  }

  /** @throws ProblemException `EMAIL_TAKEN`; `VALIDATION_FAILED` if the password or a role is not allowed */
  async create(admin: NewAdministrator): Promise<UserRecord> {
    this.assertRoles(admin.roles);
    await this.passwords.assertUsable(admin.password, admin);
    return this.insert(admin);
  }

  /** The password of the first administrator must follow the same rules as all passwords. */
  private async assertFirstPasswordUsable({ email, password }: NewAdministrator): Promise<void> {
    try {
      await this.passwords.assertUsable(password, { email, name: 'Administrator' });
    } catch (error) {
      const errors = error instanceof ProblemException ? (error.extensions['errors'] as FieldError[] | undefined) : [];
      const [problem] = errors ?? [];
      if (!problem) throw error;
      throw new Error(
        `The first administrator cannot be created: ${problem.message}.\n  → set ADMIN_PASSWORD to another password; create one with: openssl rand -base64 18`,
        { cause: error },
      );
    }
  }

  private assertRoles(roles: readonly string[] | undefined): void {
    const known = this.access.getRoleNames('account');
    if (roles === undefined || (roles.every((role) => known.includes(role)) && this.isAdministrator({ roles }))) return;
    throw new ProblemException('VALIDATION_FAILED', 'The roles must exist and include Admin.', {
      errors: [
        { path: 'roles', code: 'roleUnknown', message: `roles must be some of ${known.join(', ')}, with Admin` },
      ],
    });
  }

  private async insert({
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
