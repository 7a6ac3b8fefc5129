import { Inject, Injectable, Logger, Optional, type OnApplicationBootstrap } from '@nestjs/common';
import { AuditTrail, NoAuditTrail, ProblemException, type FieldError } from '../../common/index.js';
import { normalizeEmail, Role, UsersService, type UserRecord } from '../../users/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { PasswordService } from '../passwords/password.service.js';

/** @publicApi */
export interface NewAdministrator {
  readonly email: string;
  readonly password: string;
  /** @default 'Administrator' */
  readonly name?: string;
}

/** Makes administrators where none is logged in who could: at the first start, and from the command line. @publicApi */
@Injectable()
export class AdministratorsService implements OnApplicationBootstrap {
  private readonly logger = new Logger('Auth');

  constructor(
    private readonly users: UsersService,
    private readonly passwords: PasswordService,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { admin } = this.settings;
    if (!admin || (await this.users.findForLogin(admin.email))) return;
    await this.assertUsable(admin);
    try {
      await this.add(admin);
      this.logger.log(`made the first administrator, ${normalizeEmail(admin.email)}`);
    } catch (error) {
      // Another replica that started at the same moment was first.
      if (!(error instanceof ProblemException && error.code === 'EMAIL_TAKEN')) throw error;
    }
  }

  /** @throws ProblemException `EMAIL_TAKEN`, `VALIDATION_FAILED` where the password may not be used */
  async create(admin: NewAdministrator): Promise<UserRecord> {
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

  private async add({ email, password, name = 'Administrator' }: NewAdministrator): Promise<UserRecord> {
    const passwordHash = await this.passwords.hash(password);
    const user = await this.users.create({
      email,
      name,
      passwordHash,
      roles: [Role.Admin, Role.User],
      emailVerifiedAt: new Date(),
    });
    this.audit.record({ action: 'user.admin_create', outcome: 'success', target: `user:${user.id}` });
    return user;
  }
}
