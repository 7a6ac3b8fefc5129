import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { AuditTrail, FailureThrottle, NoAuditTrail, NoFailureThrottle, type AuditAction } from '../ports/index.js';
import { ProblemException } from '../problem/index.js';
import { normalizeEmail, UsersService, type UserRecord, type UserWithPassword } from '../users/index.js';
import { AccountAudit } from './accounts/account-audit.service.js';
import { AccountTransactions, replaceNotFound } from './accounts/account-transactions.js';
import { OneTimeTokenService } from './accounts/one-time-token.service.js';
import type { LoginDto } from './auth.dto.js';
import { AUTH_SETTINGS, type AuthSettings } from './auth.options.js';
import { DeviceCookies } from './cookies/device-cookie.js';
import { PasswordService } from './passwords/password.service.js';
import type { LoginCodeDto } from './second-factor/second-factor.dto.js';
import { SecondFactorService } from './second-factor/second-factor.service.js';
import type { AuthenticationMethod } from './sessions/session.entity.js';
import { SessionService, type OpenSession } from './sessions/session.service.js';

/** A successful login. */
export interface Login {
  readonly user: UserRecord;
  readonly session: OpenSession;
}

/** The result of the first step: a session, or a token for the second step. */
interface FirstStep {
  readonly user: UserRecord;
  readonly session?: OpenSession;
  readonly mfaToken?: string | undefined;
}

/** Login in one step (password) or two steps (password and second factor). */
@Injectable()
export class LoginService {
  private readonly logger = new Logger('Auth');

  constructor(
    private readonly users: UsersService,
    private readonly accounts: AccountTransactions,
    private readonly passwords: PasswordService,
    private readonly sessions: SessionService,
    private readonly factors: SecondFactorService,
    private readonly oneTimeTokens: OneTimeTokenService,
    private readonly devices: DeviceCookies,
    private readonly accountAudit: AccountAudit,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() private readonly failures: FailureThrottle = new NoFailureThrottle(),
  ) {}

  /** Checks the password. @throws ProblemException as `AuthService.login()` */
  async logIn({ email, password }: LoginDto, deviceCookie?: string): Promise<Login> {
    const firstStep = await this.accounts.retryIfChanged(async () => {
      const verifiedUser = await this.authenticate(normalizeEmail(email), password, deviceCookie);
      const newHash = await this.rehashIfOutdated(verifiedUser, password);
      return this.accounts.runIfUnchanged(verifiedUser, async (current) => {
        this.assertCanLogIn(current);
        if (newHash !== undefined) await this.users.update(current.id, { passwordHash: newHash });
        return this.completeFirstStep(current);
      });
    });
    return requireSession(firstStep);
  }

  /** Logs in a user whom the application has authenticated. @throws ProblemException as `AuthService.openSession()` */
  async openSession(userId: string, methods: readonly string[]): Promise<Login> {
    const firstStep = await this.accounts.run(userId, (user) => {
      this.assertCanLogIn(user);
      return this.completeFirstStep(user, methods);
    });
    return requireSession(firstStep);
  }

  /** Checks the code of the second factor. @throws ProblemException as `AuthService.completeLogin()` */
  async completeLogIn({ mfaToken, code }: LoginCodeDto, deviceCookie?: string): Promise<Login> {
    const userId = await this.oneTimeTokens.findOwner('second-factor', mfaToken);
    if (userId === undefined) throw createInvalidMfaTokenProblem();
    const device = await replaceNotFound(this.findDeviceId(deviceCookie, userId), createInvalidMfaTokenProblem);
    const complete = async (user: UserRecord, methods: readonly AuthenticationMethod[]): Promise<Login> => {
      // Two requests may send correct codes for the same token. Only one of them can redeem it.
      const { email } = await this.oneTimeTokens.redeem('second-factor', mfaToken).catch(() => {
        throw createInvalidMfaTokenProblem();
      });
      if (user.email !== email) throw createInvalidMfaTokenProblem();
      this.assertCanLogIn(user);
      await this.accountAudit.recordSuccess('auth.login', user.id, { methods });
      return { user, session: await this.sessions.create(user.id, methods) };
    };
    const login = await replaceNotFound(
      this.factors.runWithCode(userId, code, complete, device),
      createInvalidMfaTokenProblem,
    );
    if (login) return login;
    throw new ProblemException(
      'AUTH_MFA_CODE_INVALID',
      'The code is wrong or was already used. Wait for the next code.',
    );
  }

  private async findDeviceId(cookie: string | undefined, userId: string): Promise<string | undefined> {
    return cookie === undefined ? undefined : this.devices.getDeviceId(cookie, (await this.users.get(userId)).email);
  }

  private async authenticate(
    email: string,
    password: string,
    deviceCookie: string | undefined,
  ): Promise<UserWithPassword> {
    const device = await this.devices.getDeviceId(deviceCookie, email);
    let found: UserWithPassword | null | undefined;
    const user = await this.failures.countFailure({ account: email, device }, async () => {
      found = await this.users.findForLogin(email);
      const matches = await this.passwords.verify(password, found?.passwordHash);
      return found && matches && !this.isHidden(found) ? found : undefined;
    });
    if (user) return user;
    this.audit.record({
      action: 'auth.failed_login',
      outcome: 'failure',
      ...(found && { actorId: found.id }),
      metadata: { email },
    });
    throw new ProblemException('AUTH_CREDENTIALS_INVALID', 'The email or the password is wrong.');
  }

  /**
   * Whether the account must look as if it did not exist. With silent registration, any other answer to the new password
   * would show that the address was free when it was registered.
   */
  private isHidden({ emailVerifiedAt }: UserRecord): boolean {
    return this.settings.registration === 'silent' && emailVerifiedAt === null;
  }

  private assertCanLogIn(user: UserRecord): void {
    if (user.lockedAt) {
      throw this.recordDenial(
        user,
        'auth.login_locked',
        'ACCOUNT_LOCKED',
        'An administrator has locked this account. Ask an administrator.',
      );
    }
    if (user.deactivatedAt) {
      throw this.recordDenial(
        user,
        'auth.login_deactivated',
        'ACCOUNT_DEACTIVATED',
        'This account is deactivated. Ask an administrator.',
      );
    }
    if (this.settings.emailVerification === 'required' && !user.emailVerifiedAt) {
      throw this.recordDenial(
        user,
        'auth.login_unverified',
        'EMAIL_UNVERIFIED',
        'Confirm your address with the token in the mail. POST /auth/verify-email/resend sends a new mail.',
      );
    }
  }

  /** Records the denied login and returns the problem for the client. */
  private recordDenial(
    { id }: UserRecord,
    action: AuditAction,
    code: 'ACCOUNT_LOCKED' | 'ACCOUNT_DEACTIVATED' | 'EMAIL_UNVERIFIED',
    detail: string,
  ): ProblemException {
    this.audit.record({ action, outcome: 'denied', actorId: id, target: `user:${id}` });
    return new ProblemException(code, detail);
  }

  /** The caller must hold the account's lock. */
  private async completeFirstStep(user: UserRecord, methods?: readonly string[]): Promise<FirstStep> {
    if (!methods?.includes('mfa') && (await this.factors.isEnabled(user.id))) {
      await this.accountAudit.recordSuccess('auth.mfa_required', user.id);
      return { user, mfaToken: await this.oneTimeTokens.issue('second-factor', user.id, user.email) };
    }
    await this.accountAudit.recordSuccess('auth.login', user.id, methods && { methods: [...methods] });
    return { user, session: await this.sessions.create(user.id, methods) };
  }

  /**
   * Hashes the password with the current settings if the stored hash is outdated. This is only possible at login, because
   * only then the password is known. A failure does not prevent the login.
   */
  private async rehashIfOutdated({ passwordHash }: UserWithPassword, password: string): Promise<string | undefined> {
    if (!this.passwords.isOutdated(passwordHash)) return undefined;
    try {
      return await this.passwords.hash(password);
    } catch (error) {
      this.logger.warn({
        err: error,
        msg: 'an outdated password hash could not be renewed; the next login tries again',
      });
      return undefined;
    }
  }
}

function requireSession({ user, session, mfaToken }: FirstStep): Login {
  if (session) return { user, session };
  // An error status, so that a client without support for second factors does not take it for a login.
  throw new ProblemException('AUTH_MFA_REQUIRED', 'Send mfaToken with a code to POST /auth/login/mfa.', {
    extensions: { mfaToken, methods: ['totp', 'recoveryCode'] },
  });
}

function createInvalidMfaTokenProblem(): ProblemException {
  return new ProblemException('AUTH_MFA_TOKEN_INVALID', 'The mfaToken is unknown, used or expired. Log in again.');
}
