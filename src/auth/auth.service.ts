import { Injectable, Logger, Optional } from '@nestjs/common';
import { AuditTrail, FailureThrottle, NoAuditTrail, NoFailureThrottle, ProblemException } from '../common/index.js';
import { normalizeEmail, Role, UsersService, type User } from '../users/index.js';
import { AccessTokenService } from './tokens/access-token.service.js';
import { viewOf, type LoginDto, type RegisterDto, type TokenView, type UserView } from './auth.dto.js';
import { PasswordService } from './passwords/password.service.js';
import { SessionService, type OpenSession } from './sessions/session.service.js';

/** @publicApi */
@Injectable()
export class AuthService {
  private readonly logger = new Logger('Auth');

  constructor(
    private readonly users: UsersService,
    private readonly passwords: PasswordService,
    private readonly sessions: SessionService,
    private readonly accessTokens: AccessTokenService,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() private readonly failures: FailureThrottle = new NoFailureThrottle(),
  ) {}

  /** @throws ProblemException `EMAIL_TAKEN` */
  async register({ email, password, name }: RegisterDto): Promise<TokenView> {
    this.passwords.assertUsable(password, { email, name });
    const passwordHash = await this.passwords.hash(password);
    const user = await this.users.create({ email, name, passwordHash, roles: [Role.User] });
    this.audit.record({ action: 'auth.register', outcome: 'success', actorId: user.id, target: `user:${user.id}` });
    return this.tokens(user, await this.sessions.open(user.id));
  }

  /**
   * @throws ProblemException `AUTH_CREDENTIALS_INVALID`, the same and as slow for an unknown email, `ACCOUNT_LOCKED` to
   *   those who know the password, `RATE_LIMITED`
   */
  async login({ email, password }: LoginDto): Promise<TokenView> {
    const user = await this.authenticate(normalizeEmail(email), password);
    if (user.lockedAt) {
      this.audit.record({
        action: 'auth.login_locked',
        outcome: 'denied',
        actorId: user.id,
        target: `user:${user.id}`,
      });
      throw new ProblemException('ACCOUNT_LOCKED', 'An administrator has locked this account. Ask one to unlock it.');
    }
    if (this.passwords.isOutdated(user.passwordHash)) await this.upgradeHash(user, password);
    this.audit.record({ action: 'auth.login', outcome: 'success', actorId: user.id, target: `user:${user.id}` });
    return this.tokens(user, await this.sessions.open(user.id));
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

  async profile(userId: string): Promise<UserView> {
    return viewOf(await this.users.get(userId));
  }

  private async authenticate(email: string, password: string): Promise<User> {
    const giveBack = await this.failures.attempt({ account: email });
    let user: User | null;
    let matches: boolean;
    try {
      user = await this.users.findForLogin(email);
      matches = await this.passwords.verify(password, user?.passwordHash);
    } catch (error) {
      // Nobody has looked at the password.
      await giveBack();
      throw error;
    }
    if (user && matches) {
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

  /** Now is the only time when the password is known. That it fails is no reason not to let the user in. */
  private async upgradeHash({ id }: User, password: string): Promise<void> {
    try {
      await this.users.update(id, { passwordHash: await this.passwords.hash(password) });
    } catch (error) {
      this.logger.warn({ err: error, msg: 'the hash of a password could not be renewed' });
    }
  }

  private async tokens(user: User, { sessionId, refreshToken }: OpenSession): Promise<TokenView> {
    const { id, email, roles } = user;
    return {
      accessToken: await this.accessTokens.issue({ id, email, roles, sessionId }),
      refreshToken,
      tokenType: 'Bearer',
      expiresIn: this.accessTokens.expiresInSeconds,
      user: viewOf(user),
    };
  }
}
