import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import {
  AuditTrail,
  FailureThrottle,
  NoAuditTrail,
  NoFailureThrottle,
  ProblemException,
  type Principal,
} from '../../common/index.js';
import { UsersService, type User } from '../../users/index.js';
import type { ChangeEmailDto, ChangePasswordDto, ResetPasswordDto, SessionView } from './account.dto.js';
import { viewOf, type UserView } from '../auth.dto.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { MailOutbox } from '../mail/mail-outbox.service.js';
import { OneTimeTokenService } from './one-time-token.service.js';
import { PasswordService } from '../passwords/password.service.js';
import { RevocationService } from '../sessions/revocation.service.js';
import { SessionService } from '../sessions/session.service.js';

/** What users do with an account of their own. @publicApi */
@Injectable()
export class AccountService {
  private readonly logger = new Logger('Auth');

  constructor(
    private readonly users: UsersService,
    private readonly passwords: PasswordService,
    private readonly sessions: SessionService,
    private readonly revocations: RevocationService,
    private readonly tokens: OneTimeTokenService,
    private readonly outbox: MailOutbox,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() private readonly failures: FailureThrottle = new NoFailureThrottle(),
  ) {}

  async rename(userId: string, name: string): Promise<UserView> {
    const user = await this.users.update(userId, { name });
    this.note('auth.profile_change', userId);
    return viewOf(user);
  }

  async listSessions({ id, sessionId }: Principal): Promise<SessionView[]> {
    const sessions = await this.sessions.list(id);
    return sessions.map((session) => ({
      id: session.id,
      device: session.userAgent,
      address: session.address,
      createdAt: session.createdAt,
      lastUsedAt: session.lastUsedAt,
      expiresAt: session.expiresAt,
      current: session.id === sessionId,
    }));
  }

  /** @throws ProblemException `NOT_FOUND`, also for the session of somebody else */
  async endSession(userId: string, sessionId: string): Promise<void> {
    if (!(await this.sessions.revoke(userId, sessionId))) {
      throw new ProblemException('NOT_FOUND', 'You have no such session.');
    }
    this.note('auth.session_end', userId, { session: sessionId });
  }

  async endOtherSessions({ id, sessionId }: Principal): Promise<void> {
    this.note('auth.session_end', id, { ended: await this.sessions.revokeAll(id, sessionId) });
  }

  async endAllSessions(userId: string): Promise<void> {
    this.note('auth.logout_all', userId, { ended: await this.sessions.revokeAll(userId) });
  }

  async changePassword({ id, sessionId }: Principal, body: ChangePasswordDto): Promise<void> {
    const user = await this.authenticated(id, body.currentPassword);
    await this.setPassword(user, body.newPassword, 'newPassword');
    await this.sessions.revokeAll(id, sessionId);
    this.note('auth.password_change', id);
    await this.mail(user.email, 'Your password was changed', 'If that was not you, reset it at once.');
  }

  /** Returns at once, whether there is such an account or not: neither answer nor time may tell. */
  forgotPassword(email: string): void {
    this.later('a mail to reset a password', async () => {
      const user = await this.users.findForLogin(email);
      if (user) await this.sendReset(user);
    });
  }

  async sendReset(user: User): Promise<void> {
    const token = await this.tokens.issue('reset-password', user.id, user.email);
    this.note('auth.password_reset_requested', user.id);
    await this.mail(
      user.email,
      'Reset your password',
      `Somebody, hopefully you, asked for it. ${this.linkTo('reset-password', token)}\nIt is good for 30 minutes.`,
    );
  }

  /** @throws ProblemException `ONE_TIME_TOKEN_INVALID`, `VALIDATION_FAILED` */
  async resetPassword({ token, password }: ResetPasswordDto): Promise<void> {
    // First, so that a refused password does not use the token up.
    this.passwords.assertUsable(password, {});
    const { userId, email } = await this.tokens.redeem('reset-password', token);
    const user = await this.users.get(userId);
    if (user.email !== email) throw new ProblemException('ONE_TIME_TOKEN_INVALID', 'The address has changed since.');
    await this.setPassword(user, password, 'password');
    await this.tokens.revokeAll(userId);
    await this.sessions.revokeAll(userId);
    this.note('auth.password_reset', userId);
    await this.mail(email, 'Your password was reset', 'All sessions were ended. If that was not you, tell us.');
  }

  async sendVerification(userId: string): Promise<void> {
    const { email, emailVerifiedAt } = await this.users.get(userId);
    if (emailVerifiedAt) return;
    const token = await this.tokens.issue('verify-email', userId, email);
    await this.mail(email, 'Confirm your address', this.linkTo('verify-email', token));
  }

  /** @throws ProblemException `ONE_TIME_TOKEN_INVALID` */
  async verifyEmail(token: string): Promise<void> {
    const { userId, email } = await this.tokens.redeem('verify-email', token);
    const user = await this.users.get(userId);
    if (user.email !== email) throw new ProblemException('ONE_TIME_TOKEN_INVALID', 'The address has changed since.');
    await this.users.update(userId, { emailVerifiedAt: new Date() });
    this.note('auth.email_verified', userId);
  }

  /** Mails to the new address, which holds once it is confirmed. That it is taken is not said here, but there. */
  async changeEmail({ id }: Principal, { newEmail, currentPassword }: ChangeEmailDto): Promise<void> {
    const user = await this.authenticated(id, currentPassword);
    const token = await this.tokens.issue('change-email', id, newEmail);
    await this.mail(newEmail, 'Confirm your new address', this.linkTo('change-email', token));
    await this.mail(user.email, 'Your address is about to change', 'If that was not you, change your password.');
    this.note('auth.email_change_requested', id);
  }

  /** @throws ProblemException `ONE_TIME_TOKEN_INVALID`, `EMAIL_TAKEN` */
  async confirmEmail(token: string): Promise<void> {
    const { userId, email } = await this.tokens.redeem('change-email', token);
    await this.users.update(userId, { email, emailVerifiedAt: new Date() });
    await this.tokens.revokeAll(userId);
    await this.revocations.userChanged(userId);
    this.note('auth.email_change', userId);
  }

  async deleteAccount({ id }: Principal, currentPassword: string): Promise<void> {
    const { email } = await this.authenticated(id, currentPassword);
    await this.users.delete(id);
    await this.revocations.userChanged(id);
    this.note('auth.account_deleted', id);
    await this.mail(email, 'Your account was deleted', 'All that belongs to it is gone.');
  }

  private async setPassword(user: User, password: string, path: string): Promise<void> {
    this.passwords.assertUsable(password, { email: user.email, name: user.name, path });
    await this.users.update(user.id, { passwordHash: await this.passwords.hash(password) });
  }

  /** The user, once the password is shown again: a copied access token must not be enough. */
  private async authenticated(userId: string, password: string): Promise<User> {
    const { email } = await this.users.get(userId);
    const succeeded = await this.failures.attempt({ account: email });
    const user = await this.users.findForLogin(email);
    if (user && (await this.passwords.verify(password, user.passwordHash))) {
      await succeeded();
      return user;
    }
    this.audit.record({ action: 'auth.reauthentication_failed', outcome: 'failure', actorId: userId });
    throw new ProblemException('VALIDATION_FAILED', 'The current password is wrong.', {
      errors: [{ path: 'currentPassword', code: 'passwordWrong', message: 'currentPassword is wrong' }],
    });
  }

  private linkTo(purpose: string, token: string): string {
    const { linkTo } = this.settings;
    return linkTo ? `Follow this link: ${linkTo(purpose, token)}` : `Use this token: ${token}`;
  }

  private mail(to: string, subject: string, text: string): Promise<void> {
    return this.outbox.enqueue({ to, subject, text });
  }

  private later(what: string, work: () => Promise<void>): void {
    work().catch((error: unknown) => this.logger.error({ err: error, msg: `${what} could not be prepared` }));
  }

  private note(action: string, userId: string, metadata?: Record<string, unknown>): void {
    this.audit.record({ action, outcome: 'success', actorId: userId, target: `user:${userId}`, metadata });
  }
}
