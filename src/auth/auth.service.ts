import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import {
  AuditTrail,
  FailureThrottle,
  NoAuditTrail,
  NoFailureThrottle,
  NoResultCache,
  ResultCache,
  TenantDirectory,
  type AuditAction,
  type AuditInput,
  type AuditMetadata,
} from '../ports/index.js';
import { ProblemException } from '../problem/index.js';
import type { Principal } from '../context/index.js';
import { afterCommit } from '../database/index.js';
import {
  normalizeEmail,
  Role,
  UsersService,
  userTag,
  type NewUser,
  type UserRecord,
  type UserWithPassword,
} from '../users/index.js';
import { AccountMails } from './accounts/account-mails.service.js';
import { AccountChangedError, AccountTransactions, canAct, orWhenDeleted } from './accounts/account-transactions.js';
import { OneTimeTokenService } from './accounts/one-time-token.service.js';
import { ReauthenticationService } from './accounts/reauthentication.service.js';
import { viewOf, type LoginDto, type RegisterDto, type TokenView, type UserView } from './auth.dto.js';
import { AUTH_SETTINGS, type AuthSettings } from './auth.options.js';
import { BackgroundWork } from './background-work.js';
import { DeviceCookies } from './cookies/device-cookie.js';
import { PasswordService } from './passwords/password.service.js';
import type { AccessTokenView, LoginCodeDto, StepUpDto } from './second-factor/second-factor.dto.js';
import { SecondFactorService, wrongCode } from './second-factor/second-factor.service.js';
import type { AuthenticationMethod } from './sessions/session.entity.js';
import { SessionService, type OpenSession } from './sessions/session.service.js';
import { AccessTokenService } from './tokens/access-token.service.js';

/** Registration, login in one step or two, refresh, logout. @publicApi */
@Injectable()
export class AuthService {
  private readonly logger = new Logger('Auth');

  constructor(
    private readonly users: UsersService,
    private readonly accounts: AccountTransactions,
    private readonly passwords: PasswordService,
    private readonly sessions: SessionService,
    private readonly accessTokens: AccessTokenService,
    private readonly factors: SecondFactorService,
    private readonly oneTimeTokens: OneTimeTokenService,
    private readonly reauthentication: ReauthenticationService,
    private readonly mails: AccountMails,
    private readonly background: BackgroundWork,
    private readonly devices: DeviceCookies,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() private readonly failures: FailureThrottle = new NoFailureThrottle(),
    @Optional() private readonly tenants?: TenantDirectory,
    @Optional() private readonly cache: ResultCache = new NoResultCache(),
  ) {}

  /**
   * Undefined where the address has to be confirmed before the first login.
   *
   * @throws ProblemException `EMAIL_TAKEN`, unless registration is silent; `VALIDATION_FAILED`
   */
  async register({ email, password, name }: RegisterDto): Promise<TokenView | undefined> {
    const { registration, emailVerification } = this.settings;
    await this.passwords.assertUsable(password, { email, name });
    const passwordHash = await this.passwords.hash(password);
    const newUser = { email, name, passwordHash, roles: [Role.User] };
    if (registration === 'silent') {
      // From here on a known address makes other work than an unknown one.
      this.background.start('a registration', () => this.registerSilently(newUser));
      return undefined;
    }
    const { user, session } = await this.accounts.create(newUser, async (user) => {
      await this.recordAudit('auth.register', user);
      if (emailVerification !== 'off') await this.mails.sendVerification(user);
      return { user, session: emailVerification === 'required' ? undefined : await this.sessions.open(user.id) };
    });
    return session && this.tokens(user, session);
  }

  /**
   * @throws ProblemException `AUTH_CREDENTIALS_INVALID`, the same and as slow for an unknown email; to those who know the
   *   password `ACCOUNT_LOCKED`, `ACCOUNT_DEACTIVATED`, `EMAIL_UNVERIFIED`, and `AUTH_MFA_REQUIRED` with an `mfaToken` for
   *   the second step; `RATE_LIMITED`
   * @param deviceCookie as `DeviceCookies.read()` has it
   */
  async login(credentials: LoginDto, deviceCookie?: string): Promise<TokenView> {
    const { user, session, mfaToken } = await this.accounts.decide(async () => {
      const seen = await this.authenticate(normalizeEmail(credentials.email), credentials.password, deviceCookie);
      const renewedHash = await this.renewedHash(seen, credentials.password);
      return this.accounts.runAsSeen(seen, (user) => this.logIn(user, renewedHash));
    });
    if (session) return this.tokens(user, session);
    // Not a success: a client that knows nothing of second factors must not take it for a login.
    throw new ProblemException('AUTH_MFA_REQUIRED', 'Send mfaToken with a code to POST /auth/login/mfa.', {
      extensions: { mfaToken, methods: ['totp', 'recoveryCode'] },
    });
  }

  /** @throws ProblemException `AUTH_MFA_TOKEN_INVALID`, `AUTH_MFA_CODE_INVALID`, `RATE_LIMITED`, and those of the login */
  async completeLogin({ mfaToken, code }: LoginCodeDto, deviceCookie?: string): Promise<TokenView> {
    const userId = await this.oneTimeTokens.ownerOf('second-factor', mfaToken);
    if (userId === undefined) throw mfaTokenInvalid();
    const device = await orWhenDeleted(this.deviceOf(deviceCookie, userId), mfaTokenInvalid);
    const complete = async (user: UserRecord, methods: readonly AuthenticationMethod[]) => {
      // Of two right codes for one token, one gets in.
      const { email } = await this.oneTimeTokens.redeem('second-factor', mfaToken).catch(() => {
        throw mfaTokenInvalid();
      });
      if (user.email !== email) throw mfaTokenInvalid();
      this.assertCanLogIn(user);
      await this.recordAudit('auth.login', user, { methods });
      return { user, session: await this.sessions.open(user.id, methods) };
    };
    const login = await orWhenDeleted(this.factors.withCode(userId, code, complete, device), mfaTokenInvalid);
    if (login) return this.tokens(login.user, login.session);
    throw new ProblemException('AUTH_MFA_CODE_INVALID', 'The code is wrong or was used. Wait for the next one.');
  }

  /** @throws ProblemException `VALIDATION_FAILED` on a wrong password or code, `RATE_LIMITED` */
  async stepUp(principal: Principal, { currentPassword, code }: StepUpDto): Promise<AccessTokenView> {
    const renewed = await this.accounts.decide(async () => {
      const seen = await this.reauthentication.check(principal.id, currentPassword);
      const renew = async (methods: readonly AuthenticationMethod[]) => {
        await this.accounts.sameAs(seen);
        const authenticatedAt = await this.sessions.renewAuthentication(principal.sessionId, methods);
        await this.recordAudit('auth.step_up', seen, { methods });
        return { authenticatedAtMs: authenticatedAt.getTime(), methods };
      };
      if (!(await this.factors.isEnabled(principal.id))) {
        return this.accounts.runAs(principal, async ({ id }) => {
          if (await this.factors.isEnabled(id)) throw new AccountChangedError();
          return renew(['pwd']);
        });
      }
      const result =
        code === undefined
          ? undefined
          : await this.factors.withCode(principal.id, code, (_user, methods) =>
              this.accounts.runAs(principal, () => renew(methods)),
            );
      if (!result) throw wrongCode();
      return result;
    });
    return {
      accessToken: await this.accessTokens.issue({ ...principal, ...renewed }),
      tokenType: 'Bearer',
      expiresIn: this.accessTokens.expiresInSeconds,
    };
  }

  /**
   * Needs no lock of the account: each event that voids refresh tokens ends the sessions, and the row of a session decides.
   *
   * @throws ProblemException `AUTH_REFRESH_INVALID`
   */
  async refresh(refreshToken: string): Promise<TokenView> {
    const session = await this.sessions.rotate(refreshToken);
    const user = session && (await this.users.find(session.userId));
    if (session && user && canAct(user)) return this.tokens(user, session);
    // The account was locked by hand, past the routes that end its sessions.
    if (session) await this.sessions.revoke(session.userId, session.sessionId);
    throw new ProblemException(
      'AUTH_REFRESH_INVALID',
      'The refresh token is unknown, used up or expired. Log in again.',
    );
  }

  async logout(refreshToken: string): Promise<void> {
    const userId = await this.sessions.close(refreshToken);
    if (userId !== undefined) this.audit.record({ action: 'auth.logout', outcome: 'success', actorId: userId });
  }

  /** Remembered where there is a cache; every change of the user ends that. */
  profile(userId: string): Promise<UserView> {
    const profile = { name: 'profile', key: userId, ttlMs: this.settings.profileTtlMs, tags: [userTag(userId)] };
    return this.cache.wrap(profile, async () => viewOf(await this.users.get(userId)));
  }

  private async registerSilently(newUser: NewUser): Promise<void> {
    const existing = await this.users.findForLogin(newUser.email);
    if (existing) {
      this.audit.record({ action: 'auth.register', outcome: 'failure', target: `user:${existing.id}` });
      await this.accounts.run(existing.id, async (user) => {
        if (canAct(user)) await this.mails.sendAlreadyRegistered(user);
      });
      return;
    }
    await this.accounts.create(newUser, async (user) => {
      await this.recordAudit('auth.register', user);
      await this.mails.sendVerification(user);
    });
  }

  private async deviceOf(cookie: string | undefined, userId: string): Promise<string | undefined> {
    return cookie === undefined ? undefined : this.devices.deviceOf(cookie, (await this.users.get(userId)).email);
  }

  private async authenticate(
    email: string,
    password: string,
    deviceCookie: string | undefined,
  ): Promise<UserWithPassword> {
    const device = await this.devices.deviceOf(deviceCookie, email);
    const refund = await this.failures.attempt({ account: email, device });
    let user;
    let matches: boolean;
    try {
      user = await this.users.findForLogin(email);
      matches = await this.passwords.verify(password, user?.passwordHash);
    } catch (error) {
      // Nobody has looked at the password.
      await refund();
      throw error;
    }
    if (user && matches && !this.isConcealed(user)) {
      await refund();
      return user;
    }
    this.audit.record({
      action: 'auth.failed_login',
      outcome: 'failure',
      ...(user && { actorId: user.id }),
      metadata: { email },
    });
    throw new ProblemException('AUTH_CREDENTIALS_INVALID', 'The email or the password is wrong.');
  }

  /** Who registers an address and may log in with that password, if only to be told to wait, knows that it was free. */
  private isConcealed({ emailVerifiedAt }: UserRecord): boolean {
    return this.settings.registration === 'silent' && emailVerifiedAt === null;
  }

  private assertCanLogIn(user: UserRecord): void {
    if (user.lockedAt) {
      throw this.refusal(user, 'auth.login_locked', 'ACCOUNT_LOCKED', 'An administrator has locked this account.');
    }
    if (user.deactivatedAt) {
      throw this.refusal(
        user,
        'auth.login_deactivated',
        'ACCOUNT_DEACTIVATED',
        'Its owner has put this account aside.',
      );
    }
    if (this.settings.emailVerification === 'required' && !user.emailVerifiedAt) {
      throw this.refusal(
        user,
        'auth.login_unverified',
        'EMAIL_UNVERIFIED',
        'Confirm your address with the mailed token. POST /auth/verify-email/resend mails another.',
      );
    }
  }

  private refusal(
    { id }: UserRecord,
    action: AuditAction,
    code: 'ACCOUNT_LOCKED' | 'ACCOUNT_DEACTIVATED' | 'EMAIL_UNVERIFIED',
    cause: string,
  ): ProblemException {
    this.audit.record({ action, outcome: 'denied', actorId: id, target: `user:${id}` });
    return new ProblemException(code, code === 'EMAIL_UNVERIFIED' ? cause : `${cause} Ask an administrator.`);
  }

  /** Either a session, or the token for the second step. For a flow that holds the account's lock. */
  private async logIn(
    user: UserWithPassword,
    renewedHash: string | undefined,
  ): Promise<{ user: UserRecord; session?: OpenSession; mfaToken?: string | undefined }> {
    this.assertCanLogIn(user);
    if (renewedHash !== undefined) await this.users.update(user.id, { passwordHash: renewedHash });
    if (await this.factors.isEnabled(user.id)) {
      await this.recordAudit('auth.mfa_required', user);
      return { user, mfaToken: await this.oneTimeTokens.issue('second-factor', user.id, user.email) };
    }
    await this.recordAudit('auth.login', user);
    return { user, session: await this.sessions.open(user.id) };
  }

  /**
   * A hash by today's rules, where that of the account is outdated: the login is the only time when the password is known.
   * A failure does not keep the user out.
   */
  private async renewedHash({ passwordHash }: UserWithPassword, password: string): Promise<string | undefined> {
    if (!this.passwords.isOutdated(passwordHash)) return undefined;
    try {
      return await this.passwords.hash(password);
    } catch (error) {
      this.logger.warn({ err: error, msg: 'the hash of a password could not be renewed' });
      return undefined;
    }
  }

  /**
   * An access token for another tenant, or for none. What the session was switched to last is what its refreshes give;
   * the refresh token stays.
   *
   * @returns undefined where the caller is no member of the tenant
   */
  async switchTenant(principal: Principal, tenantId: string | null): Promise<AccessTokenView | undefined> {
    const place = await this.resolveTenantRoles(await this.users.get(principal.id), tenantId);
    if (tenantId !== null && place.tenantId === undefined) return undefined;
    await this.sessions.switchTenant(principal.sessionId, tenantId);
    return {
      accessToken: await this.accessTokens.issue({ ...principal, ...place }),
      tokenType: 'Bearer',
      expiresIn: this.accessTokens.expiresInSeconds,
    };
  }

  /** The tenant and the roles that a user has there; those of the account alone, where it is no member. */
  private async resolveTenantRoles(
    { id, roles }: UserRecord,
    tenantId: string | null,
  ): Promise<Pick<Principal, 'roles' | 'tenantId'>> {
    const there = tenantId === null ? undefined : (await this.tenants?.getMemberships(id))?.get(tenantId);
    return tenantId !== null && there ? { roles: [...roles, ...there], tenantId } : { roles, tenantId: undefined };
  }

  private async tokens(user: UserRecord, session: OpenSession): Promise<TokenView> {
    const { id, email } = user;
    const { sessionId, tenantId, refreshToken, authenticatedAt, methods } = session;
    const authenticatedAtMs = authenticatedAt.getTime();
    const place = await this.resolveTenantRoles(user, tenantId);
    return {
      accessToken: await this.accessTokens.issue({ id, email, sessionId, authenticatedAtMs, methods, ...place }),
      refreshToken,
      tokenType: 'Bearer',
      expiresIn: this.accessTokens.expiresInSeconds,
      user: viewOf(user),
    };
  }

  private recordAudit<A extends AuditAction>(
    action: A,
    { id }: Pick<UserRecord, 'id'>,
    metadata?: AuditMetadata<A>,
  ): Promise<void> {
    const event: AuditInput<AuditAction> = {
      action,
      outcome: 'success',
      actorId: id,
      target: `user:${id}`,
      ...(metadata && { metadata }),
    };
    return afterCommit(() => this.audit.record(event));
  }
}

function mfaTokenInvalid(): ProblemException {
  return new ProblemException('AUTH_MFA_TOKEN_INVALID', 'The mfaToken is unknown, used up or expired. Log in again.');
}
