import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import {
  AuditTrail,
  FailureThrottle,
  NoAuditTrail,
  NoFailureThrottle,
  NoResultCache,
  ProblemException,
  ResultCache,
  TenantDirectory,
  type Principal,
} from '../common/index.js';
import { normalizeEmail, Role, UsersService, userTag, type NewUser, type UserRecord } from '../users/index.js';
import { AccountMails } from './accounts/account-mails.service.js';
import { OneTimeTokenService } from './accounts/one-time-token.service.js';
import { ReauthenticationService } from './accounts/reauthentication.service.js';
import { viewOf, type LoginDto, type RegisterDto, type TokenView, type UserView } from './auth.dto.js';
import { AUTH_SETTINGS, type AuthSettings } from './auth.options.js';
import { BackgroundWork } from './background-work.js';
import { DeviceCookies } from './cookies/device-cookie.js';
import { PasswordService } from './passwords/password.service.js';
import type { AccessTokenView, LoginCodeDto, StepUpDto } from './second-factor/second-factor.dto.js';
import { SecondFactorService } from './second-factor/second-factor.service.js';
import type { AuthenticationMethod } from './sessions/session.entity.js';
import { SessionService, type OpenSession } from './sessions/session.service.js';
import { AccessTokenService } from './tokens/access-token.service.js';

/** Registration, login in one step or two, refresh, logout. @publicApi */
@Injectable()
export class AuthService {
  private readonly logger = new Logger('Auth');

  constructor(
    private readonly users: UsersService,
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
    const user = await this.users.create(newUser);
    this.note('auth.register', user);
    if (emailVerification !== 'off') await this.mails.sendVerification(user);
    return emailVerification === 'required' ? undefined : this.tokens(user, await this.sessions.open(user.id));
  }

  /**
   * @throws ProblemException `AUTH_CREDENTIALS_INVALID`, the same and as slow for an unknown email; to those who know the
   *   password `ACCOUNT_LOCKED`, `ACCOUNT_DEACTIVATED`, `EMAIL_UNVERIFIED`, and `AUTH_MFA_REQUIRED` with an `mfaToken` for
   *   the second step; `RATE_LIMITED`
   * @param deviceCookie as `DeviceCookies.read()` has it
   */
  async login({ email, password }: LoginDto, deviceCookie?: string): Promise<TokenView> {
    const user = await this.authenticate(normalizeEmail(email), password, deviceCookie);
    this.assertOpen(user);
    if (this.passwords.isOutdated(user.passwordHash)) await this.upgradeHash(user, password);
    if (await this.factors.isEnabled(user.id)) throw await this.secondStep(user);
    return this.logIn(user, ['pwd']);
  }

  /** @throws ProblemException `AUTH_MFA_TOKEN_INVALID`, `AUTH_MFA_CODE_INVALID`, `RATE_LIMITED`, and those of the login */
  async completeLogin({ mfaToken, code }: LoginCodeDto, deviceCookie?: string): Promise<TokenView> {
    const userId = await this.oneTimeTokens.ownerOf('second-factor', mfaToken);
    if (userId === undefined) throw mfaTokenInvalid();
    const methods = await this.factors.verify(userId, code, await this.deviceOf(deviceCookie, userId));
    if (!methods) {
      throw new ProblemException('AUTH_MFA_CODE_INVALID', 'The code is wrong or was used. Wait for the next one.');
    }
    // Of two right codes for one token, one gets in.
    const { email } = await this.oneTimeTokens.redeem('second-factor', mfaToken).catch(() => {
      throw mfaTokenInvalid();
    });
    const user = await this.users.findForLogin(email);
    if (user?.id !== userId) throw mfaTokenInvalid();
    this.assertOpen(user);
    return this.logIn(user, methods);
  }

  /** @throws ProblemException `VALIDATION_FAILED` on a wrong password or code, `RATE_LIMITED` */
  async stepUp(principal: Principal, { currentPassword, code }: StepUpDto): Promise<AccessTokenView> {
    const user = await this.reauthentication.check(principal.id, currentPassword);
    const hasFactor = await this.factors.isEnabled(user.id);
    const methods = hasFactor ? await this.factors.demand(user.id, code) : (['pwd'] as const);
    const authenticatedAt = await this.sessions.renewAuthentication(principal.sessionId, methods);
    this.note('auth.step_up', user, { methods });
    return {
      accessToken: await this.accessTokens.issue({
        ...principal,
        authenticatedAtMs: authenticatedAt.getTime(),
        methods,
      }),
      tokenType: 'Bearer',
      expiresIn: this.accessTokens.expiresInSeconds,
    };
  }

  /** @throws ProblemException `AUTH_REFRESH_INVALID` */
  async refresh(refreshToken: string): Promise<TokenView> {
    const session = await this.sessions.rotate(refreshToken);
    if (!session) {
      throw new ProblemException(
        'AUTH_REFRESH_INVALID',
        'The refresh token is unknown, used up or expired. Log in again.',
      );
    }
    return this.tokens(await this.users.get(session.userId), session);
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
      await this.mails.sendAlreadyRegistered(existing);
      return;
    }
    const user = await this.users.create(newUser);
    this.note('auth.register', user);
    await this.mails.sendVerification(user);
  }

  private async deviceOf(cookie: string | undefined, userId: string): Promise<string | undefined> {
    return cookie === undefined ? undefined : this.devices.deviceOf(cookie, (await this.users.get(userId)).email);
  }

  private async authenticate(email: string, password: string, deviceCookie: string | undefined) {
    const device = this.devices.deviceOf(deviceCookie, email);
    const giveBack = await this.failures.attempt({ account: email, device });
    let user;
    let matches: boolean;
    try {
      user = await this.users.findForLogin(email);
      matches = await this.passwords.verify(password, user?.passwordHash);
    } catch (error) {
      // Nobody has looked at the password.
      await giveBack();
      throw error;
    }
    if (user && matches && !this.isConcealed(user)) {
      await giveBack();
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

  private assertOpen(user: UserRecord): void {
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
    action: string,
    code: 'ACCOUNT_LOCKED' | 'ACCOUNT_DEACTIVATED' | 'EMAIL_UNVERIFIED',
    cause: string,
  ): ProblemException {
    this.audit.record({ action, outcome: 'denied', actorId: id, target: `user:${id}` });
    return new ProblemException(code, code === 'EMAIL_UNVERIFIED' ? cause : `${cause} Ask an administrator.`);
  }

  /** Not a success: a client that knows nothing of second factors must not take it for a login. */
  private async secondStep(user: UserRecord): Promise<ProblemException> {
    const mfaToken = await this.oneTimeTokens.issue('second-factor', user.id, user.email);
    this.note('auth.mfa_required', user);
    return new ProblemException('AUTH_MFA_REQUIRED', 'Send mfaToken with a code to POST /auth/login/mfa.', {
      extensions: { mfaToken, methods: ['totp', 'recoveryCode'] },
    });
  }

  private async logIn(user: UserRecord, methods: readonly AuthenticationMethod[]): Promise<TokenView> {
    this.note('auth.login', user, methods.includes('mfa') ? { methods } : undefined);
    return this.tokens(user, await this.sessions.open(user.id, methods));
  }

  /** Now is the only time when the password is known. That it fails is no reason not to let the user in. */
  private async upgradeHash({ id }: UserRecord, password: string): Promise<void> {
    try {
      await this.users.update(id, { passwordHash: await this.passwords.hash(password) });
    } catch (error) {
      this.logger.warn({ err: error, msg: 'the hash of a password could not be renewed' });
    }
  }

  /**
   * An access token for another tenant, or for none. What the session was switched to last is what its refreshes give;
   * the refresh token stays.
   *
   * @returns undefined where the caller is no member of the tenant
   */
  async switchTenant(principal: Principal, tenantId: string | null): Promise<AccessTokenView | undefined> {
    const place = await this.placeIn(await this.users.get(principal.id), tenantId);
    if (tenantId !== null && place.tenantId === undefined) return undefined;
    await this.sessions.switchTenant(principal.sessionId, tenantId);
    return {
      accessToken: await this.accessTokens.issue({ ...principal, ...place }),
      tokenType: 'Bearer',
      expiresIn: this.accessTokens.expiresInSeconds,
    };
  }

  /** The tenant and the roles that a user has there; those of the account alone, where it is no member. */
  private async placeIn(
    { id, roles }: UserRecord,
    tenantId: string | null,
  ): Promise<Pick<Principal, 'roles' | 'tenantId'>> {
    const there = tenantId === null ? undefined : (await this.tenants?.membershipsOf(id))?.get(tenantId);
    return tenantId !== null && there ? { roles: [...roles, ...there], tenantId } : { roles, tenantId: undefined };
  }

  private async tokens(user: UserRecord, session: OpenSession): Promise<TokenView> {
    const { id, email } = user;
    const { sessionId, tenantId, refreshToken, authenticatedAt, methods } = session;
    const authenticatedAtMs = authenticatedAt.getTime();
    const place = await this.placeIn(user, tenantId);
    return {
      accessToken: await this.accessTokens.issue({ id, email, sessionId, authenticatedAtMs, methods, ...place }),
      refreshToken,
      tokenType: 'Bearer',
      expiresIn: this.accessTokens.expiresInSeconds,
      user: viewOf(user),
    };
  }

  private note(action: string, { id }: Pick<UserRecord, 'id'>, metadata?: Record<string, unknown>): void {
    this.audit.record({ action, outcome: 'success', actorId: id, target: `user:${id}`, ...(metadata && { metadata }) });
  }
}

function mfaTokenInvalid(): ProblemException {
  return new ProblemException('AUTH_MFA_TOKEN_INVALID', 'The mfaToken is unknown, used up or expired. Log in again.');
}
