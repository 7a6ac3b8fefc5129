import { Inject, Injectable, Optional } from '@nestjs/common';
import { AuditTrail, NoAuditTrail, NoResultCache, ResultCache, TenantDirectory } from '../ports/index.js';
import { ProblemException } from '../problem/index.js';
import type { Principal } from '../context/index.js';
import { Role, UsersService, userTag, type NewUser, type UserRecord } from '../users/index.js';
import { AccountAudit } from './accounts/account-audit.service.js';
import { AccountMails } from './accounts/account-mails.service.js';
import { AccountChangedError, AccountTransactions, isAccountActive } from './accounts/account-transactions.js';
import { ReauthenticationService } from './accounts/reauthentication.service.js';
import { toUserView, type LoginDto, type RegisterDto, type TokenView, type UserView } from './auth.dto.js';
import { AUTH_SETTINGS, type AuthSettings } from './auth.options.js';
import { BackgroundWork } from './background-work.js';
import { LoginService } from './login.service.js';
import { PasswordService } from './passwords/password.service.js';
import type { AccessTokenView, LoginCodeDto, StepUpDto } from './second-factor/second-factor.dto.js';
import { createWrongCodeProblem, SecondFactorService } from './second-factor/second-factor.service.js';
import type { AuthenticationMethod } from './sessions/session.entity.js';
import { SessionService, type OpenSession } from './sessions/session.service.js';
import { AccessTokenService } from './tokens/access-token.service.js';

const METHOD_NAME = /^[\w.:-]{1,50}$/;

/** @publicApi */
export interface OpenSessionOptions {
  /**
   * How the user was authenticated, by the names of RFC 8176 where they fit. They become the claim `amr`, which
   * `@RecentAuthentication({ secondFactor: true })` reads. Include `mfa` only after two factors.
   */
  methods: readonly string[];
}

/** Registration, login in one step or two, step-up, refresh, logout. @publicApi */
@Injectable()
export class AuthService {
  /** @internal */
  constructor(
    private readonly users: UsersService,
    private readonly accounts: AccountTransactions,
    private readonly passwords: PasswordService,
    private readonly sessions: SessionService,
    private readonly accessTokens: AccessTokenService,
    private readonly factors: SecondFactorService,
    private readonly logins: LoginService,
    private readonly reauthentication: ReauthenticationService,
    private readonly mails: AccountMails,
    private readonly background: BackgroundWork,
    private readonly accountAudit: AccountAudit,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() private readonly tenants?: TenantDirectory,
    @Optional() private readonly cache: ResultCache = new NoResultCache(),
  ) {}

  /**
   * Creates an account.
   *
   * @returns tokens; undefined if the address must be confirmed before the first login
   * @throws ProblemException `EMAIL_TAKEN`, unless registration is silent; `VALIDATION_FAILED`; `REGISTRATION_CLOSED`
   */
  async register({ email, password, name }: RegisterDto): Promise<TokenView | undefined> {
    const { registration, emailVerification } = this.settings;
    if (registration === 'closed') {
      throw new ProblemException('REGISTRATION_CLOSED', 'Accounts are created by administrators. Ask one.');
    }
    await this.passwords.assertUsable(password, { email, name });
    const passwordHash = await this.passwords.hash(password);
    const newUser = { email, name, passwordHash, roles: [Role.User] };
    if (registration === 'silent') {
      // The remaining work depends on whether the address is known, so the response must not wait for it.
      this.background.start('a registration', () => this.registerSilently(newUser));
      return undefined;
    }
    const { user, session } = await this.accounts.create(newUser, async (user) => {
      await this.accountAudit.recordSuccess('auth.register', user.id);
      if (emailVerification !== 'off') await this.mails.sendVerification(user);
      return { user, session: emailVerification === 'required' ? undefined : await this.sessions.create(user.id) };
    });
    return session && this.issueTokens(user, session);
  }

  /**
   * Logs a user in by password.
   *
   * @param deviceCookie the result of `DeviceCookies.read()`
   * @throws ProblemException `AUTH_CREDENTIALS_INVALID`, with the same response and the same duration for an unknown email.
   *   Only after a correct password: `ACCOUNT_LOCKED`, `ACCOUNT_DEACTIVATED`, `EMAIL_UNVERIFIED`, and `AUTH_MFA_REQUIRED`
   *   with an `mfaToken` for the second step. Also `RATE_LIMITED`
   */
  async login(credentials: LoginDto, deviceCookie?: string): Promise<TokenView> {
    const { user, session } = await this.logins.logIn(credentials, deviceCookie);
    return this.issueTokens(user, session);
  }

  /**
   * Opens a session for a user whom the application has authenticated in another way: OpenID Connect, LDAP, a magic link.
   * It is a session like that of {@link login}. Return the result from a route with `@TokenRoute('login')`, which delivers
   * the tokens in cookies where they are enabled.
   *
   * @throws TypeError for methods that are not names
   * @throws ProblemException `NOT_FOUND`, `ACCOUNT_LOCKED`, `ACCOUNT_DEACTIVATED`, `EMAIL_UNVERIFIED`; `AUTH_MFA_REQUIRED`
   *   with an `mfaToken`, if the user has a second factor here and `methods` does not include `mfa`
   */
  async openSession({ id }: Pick<UserRecord, 'id'>, { methods }: OpenSessionOptions): Promise<TokenView> {
    if (methods.length === 0 || !methods.every((method) => METHOD_NAME.test(method))) {
      throw new TypeError(
        `The methods of a login must be names such as pwd, otp, mfa, and not ${JSON.stringify(methods)}`,
      );
    }
    const { user, session } = await this.logins.openSession(id, methods);
    return this.issueTokens(user, session);
  }

  /**
   * Second step of a login: checks the code of the second factor.
   *
   * @throws ProblemException `AUTH_MFA_TOKEN_INVALID`, `AUTH_MFA_CODE_INVALID`, `RATE_LIMITED`, and those of {@link login}
   */
  async completeLogin(body: LoginCodeDto, deviceCookie?: string): Promise<TokenView> {
    const { user, session } = await this.logins.completeLogIn(body, deviceCookie);
    return this.issueTokens(user, session);
  }

  /**
   * Checks the password, and the code if a second factor is active, and stores the time in the session.
   *
   * @throws ProblemException `VALIDATION_FAILED` for a wrong password or code, `RATE_LIMITED`
   */
  async stepUp(principal: Principal, { currentPassword, code }: StepUpDto): Promise<AccessTokenView> {
    const authentication = await this.accounts.retryIfChanged(async () => {
      const verifiedUser = await this.reauthentication.verifyPassword(principal.id, currentPassword);
      const recordStepUp = async (methods: readonly AuthenticationMethod[]) => {
        await this.accounts.assertUnchanged(verifiedUser);
        const authenticatedAt = await this.sessions.recordAuthentication(principal.sessionId, methods);
        await this.accountAudit.recordSuccess('auth.step_up', verifiedUser.id, { methods });
        return { authenticatedAtMs: authenticatedAt.getTime(), methods };
      };
      if (!(await this.factors.isEnabled(principal.id))) {
        return this.accounts.runAs(principal, async ({ id }) => {
          if (await this.factors.isEnabled(id)) throw new AccountChangedError();
          return recordStepUp(['pwd']);
        });
      }
      const result =
        code === undefined
          ? undefined
          : await this.factors.runWithCode(principal.id, code, (_user, methods) =>
              this.accounts.runAs(principal, () => recordStepUp(methods)),
            );
      if (!result) throw createWrongCodeProblem();
      return result;
    });
    return this.issueAccessToken({ ...principal, ...authentication });
  }

  /**
   * Exchanges a refresh token for new tokens. It needs no lock of the account: every event that voids refresh tokens also
   * ends the session, and the row of the session is updated atomically.
   *
   * @throws ProblemException `AUTH_REFRESH_INVALID`
   */
  async refresh(refreshToken: string): Promise<TokenView> {
    const session = await this.sessions.rotate(refreshToken);
    const user = session && (await this.users.find(session.userId));
    if (session && user && isAccountActive(user)) return this.issueTokens(user, session);
    // The account was locked directly in the database, so its sessions had not been ended.
    if (session) await this.sessions.revoke(session.userId, session.sessionId);
    throw new ProblemException('AUTH_REFRESH_INVALID', 'The refresh token is unknown, used or expired. Log in again.');
  }

  async logout(refreshToken: string): Promise<void> {
    const userId = await this.sessions.endByRefreshToken(refreshToken);
    if (userId !== undefined) this.audit.record({ action: 'auth.logout', outcome: 'success', actorId: userId });
  }

  /** Cached if CacheModule is imported. Every change of the user invalidates the entry. */
  profile(userId: string): Promise<UserView> {
    const profile = { name: 'profile', key: userId, ttlMs: this.settings.profileTtlMs, tags: [userTag(userId)] };
    return this.cache.wrap(profile, async () => toUserView(await this.users.get(userId)));
  }

  /**
   * Issues an access token for another tenant, or for no tenant. Later refreshes of the session issue tokens for the same
   * tenant. The refresh token does not change.
   *
   * @returns undefined if the caller is not a member of the tenant
   */
  async switchTenant(principal: Principal, tenantId: string | null): Promise<AccessTokenView | undefined> {
    const membership = await this.resolveTenantRoles(await this.users.get(principal.id), tenantId);
    if (tenantId !== null && membership.tenantId === undefined) return undefined;
    await this.sessions.switchTenant(principal.sessionId, tenantId);
    return this.issueAccessToken({ ...principal, ...membership });
  }

  private async registerSilently(newUser: NewUser): Promise<void> {
    const existing = await this.users.findForLogin(newUser.email);
    if (existing) {
      this.audit.record({ action: 'auth.register', outcome: 'failure', target: `user:${existing.id}` });
      await this.accounts.run(existing.id, async (user) => {
        if (isAccountActive(user)) await this.mails.sendAlreadyRegistered(user);
      });
      return;
    }
    await this.accounts.create(newUser, async (user) => {
      await this.accountAudit.recordSuccess('auth.register', user.id);
      await this.mails.sendVerification(user);
    });
  }

  /** The tenant, and the user's roles in it. Without a membership, only the roles of the account. */
  private async resolveTenantRoles(
    { id, roles }: UserRecord,
    tenantId: string | null,
  ): Promise<Pick<Principal, 'roles' | 'tenantId'>> {
    const tenantRoles = tenantId === null ? undefined : (await this.tenants?.getMemberships(id))?.get(tenantId);
    return tenantId !== null && tenantRoles
      ? { roles: [...roles, ...tenantRoles], tenantId }
      : { roles, tenantId: undefined };
  }

  private async issueTokens(user: UserRecord, session: OpenSession): Promise<TokenView> {
    const { id, email } = user;
    const { sessionId, tenantId, refreshToken, authenticatedAt, methods } = session;
    const authenticatedAtMs = authenticatedAt.getTime();
    const membership = await this.resolveTenantRoles(user, tenantId);
    const principal = { id, email, sessionId, authenticatedAtMs, methods, ...membership };
    const { accessToken, tokenType, expiresIn } = await this.issueAccessToken(principal);
    return { accessToken, refreshToken, tokenType, expiresIn, user: toUserView(user) };
  }

  private async issueAccessToken(principal: Principal): Promise<AccessTokenView> {
    return {
      accessToken: await this.accessTokens.issue(principal),
      tokenType: 'Bearer',
      expiresIn: this.accessTokens.expiresInSeconds,
    };
  }
}
