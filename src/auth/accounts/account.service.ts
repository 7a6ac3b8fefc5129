import { Injectable, Optional } from '@nestjs/common';
import { AuditTrail, NoAuditTrail, ProblemException, type Principal } from '../../common/index.js';
import { UsersService, type UserRecord } from '../../users/index.js';
import type { ChangeEmailDto, ChangePasswordDto, ResetPasswordDto, SessionView } from './account.dto.js';
import { AccountMails } from './account-mails.service.js';
import { viewOf, type UserView } from '../auth.dto.js';
import { BackgroundWork } from '../background-work.js';
import { OneTimeTokenService } from './one-time-token.service.js';
import { PasswordService } from '../passwords/password.service.js';
import { ReauthenticationService } from './reauthentication.service.js';
import { RevocationService } from '../sessions/revocation.service.js';
import { SecondFactorService } from '../second-factor/second-factor.service.js';
import { SessionService } from '../sessions/session.service.js';

/** What users do with an account of their own. @publicApi */
@Injectable()
export class AccountService {
  constructor(
    private readonly users: UsersService,
    private readonly passwords: PasswordService,
    private readonly sessions: SessionService,
    private readonly revocations: RevocationService,
    private readonly tokens: OneTimeTokenService,
    private readonly mails: AccountMails,
    private readonly reauthentication: ReauthenticationService,
    private readonly factors: SecondFactorService,
    private readonly background: BackgroundWork,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
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
    const user = await this.reauthentication.check(id, body.currentPassword);
    await this.setPassword(user, body.newPassword, 'newPassword');
    await this.tokens.revokeAll(id);
    await this.sessions.revokeAll(id, sessionId);
    this.note('auth.password_change', id);
    await this.mails.notify(user.email, 'Your password was changed', 'If that was not you, reset it at once.');
  }

  /** Returns at once, whether there is such an account or not: neither answer nor time may tell. */
  forgotPassword(email: string): void {
    this.background.start('a mail to reset a password', async () => {
      const user = await this.users.findForLogin(email);
      if (user) await this.sendReset(user);
    });
  }

  async sendReset(user: UserRecord): Promise<void> {
    this.note('auth.password_reset_requested', user.id);
    await this.mails.sendReset(user);
  }

  /** @throws ProblemException `ONE_TIME_TOKEN_INVALID`, `VALIDATION_FAILED` */
  async resetPassword({ token, password }: ResetPasswordDto): Promise<void> {
    // First, so that a refused password does not use the token up.
    await this.passwords.assertUsable(password, {});
    const user = await this.redeem('reset-password', token);
    await this.setPassword(user, password, 'password');
    // Who got the mail has the address, which need not be confirmed once more.
    if (!user.emailVerifiedAt) await this.users.update(user.id, { emailVerifiedAt: new Date() });
    await this.tokens.revokeAll(user.id);
    await this.sessions.revokeAll(user.id);
    this.note('auth.password_reset', user.id);
    await this.mails.notify(
      user.email,
      'Your password was reset',
      'All sessions were ended. If that was not you, tell us.',
    );
  }

  async sendVerification(userId: string): Promise<void> {
    const user = await this.users.get(userId);
    if (!user.emailVerifiedAt) await this.mails.sendVerification(user);
  }

  /** For those who cannot log in before. Returns at once, as `forgotPassword` does, and for the same reason. */
  resendVerification(email: string): void {
    this.background.start('a mail to confirm an address', async () => {
      const user = await this.users.findForLogin(email);
      if (user && !user.emailVerifiedAt) await this.mails.sendVerification(user);
    });
  }

  /** @throws ProblemException `ONE_TIME_TOKEN_INVALID` */
  async verifyEmail(token: string): Promise<void> {
    const { id } = await this.redeem('verify-email', token);
    await this.users.update(id, { emailVerifiedAt: new Date() });
    this.note('auth.email_verified', id);
  }

  /** Mails to the new address, which holds once it is confirmed. That it is taken is not said here, but there. */
  async changeEmail({ id }: Principal, { newEmail, currentPassword }: ChangeEmailDto): Promise<void> {
    const user = await this.reauthentication.check(id, currentPassword);
    await this.mails.sendEmailChange(id, newEmail);
    await this.mails.notify(
      user.email,
      'Your address is about to change',
      'If that was not you, change your password.',
    );
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

  /** Puts the account aside: nobody can log in until an administrator takes it up again. */
  async deactivateAccount({ id }: Principal, currentPassword: string): Promise<void> {
    const { email } = await this.reauthentication.check(id, currentPassword);
    await this.users.update(id, { deactivatedAt: new Date() });
    await this.tokens.revokeAll(id);
    await this.sessions.revokeAll(id);
    this.note('auth.account_deactivated', id);
    await this.mails.notify(email, 'Your account was put aside', 'Ask an administrator if you want it back.');
  }

  async deleteAccount({ id }: Principal, currentPassword: string): Promise<void> {
    const { email } = await this.reauthentication.check(id, currentPassword);
    await this.users.delete(id);
    // In the table `users` it has gone with the user; a user store of the application's own knows nothing of it.
    await this.tokens.revokeAll(id);
    await this.factors.forget(id);
    await this.sessions.forget(id);
    this.note('auth.account_deleted', id);
    await this.mails.notify(email, 'Your account was deleted', 'All that belongs to it is gone.');
  }

  /** The user whom a mailed token was for, if that is still the user's address. */
  private async redeem(purpose: 'reset-password' | 'verify-email', token: string): Promise<UserRecord> {
    const { userId, email } = await this.tokens.redeem(purpose, token);
    const user = await this.users.find(userId);
    if (user?.email === email) return user;
    throw new ProblemException('ONE_TIME_TOKEN_INVALID', 'The address has changed since. Ask for a new mail.');
  }

  private async setPassword(user: UserRecord, password: string, path: string): Promise<void> {
    await this.passwords.assertUsable(password, { email: user.email, name: user.name, path });
    await this.users.update(user.id, { passwordHash: await this.passwords.hash(password) });
  }

  private note(action: string, userId: string, metadata?: Record<string, unknown>): void {
    this.audit.record({ action, outcome: 'success', actorId: userId, target: `user:${userId}`, metadata });
  }
}
