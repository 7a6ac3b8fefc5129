import { Injectable, Optional } from '@nestjs/common';
import { CredentialVerifier, TenantDirectory } from '../../ports/index.js';
import { ProblemException } from '../../problem/index.js';
import type { Principal } from '../../context/index.js';
import { afterCommit } from '../../database/index.js';
import { UsersService, type UserRecord } from '../../users/index.js';
import { AccountTransactions, isAccountActive, replaceNotFound } from './account-transactions.js';
import { AccountAudit } from './account-audit.service.js';
import { AdministratorsService } from './administrators.service.js';
import type { ChangeEmailDto, ChangePasswordDto, ResetPasswordDto, SessionView } from './account.dto.js';
import { AccountMails } from './account-mails.service.js';
import { toUserView, type UserView } from '../auth.dto.js';
import { BackgroundWork } from '../background-work.js';
import { OneTimeTokenService, type OneTimePurpose } from './one-time-token.service.js';
import { PasswordService } from '../passwords/password.service.js';
import { ReauthenticationService } from './reauthentication.service.js';
import { RevocationService } from '../sessions/revocation.service.js';
import { SecondFactorService } from '../second-factor/second-factor.service.js';
import { SessionService } from '../sessions/session.service.js';

/** Actions of users on their own account. @publicApi */
@Injectable()
export class AccountService {
  /** @internal */
  constructor(
    private readonly users: UsersService,
    private readonly accounts: AccountTransactions,
    private readonly administrators: AdministratorsService,
    private readonly passwords: PasswordService,
    private readonly sessions: SessionService,
    private readonly revocations: RevocationService,
    private readonly tokens: OneTimeTokenService,
    private readonly mails: AccountMails,
    private readonly reauthentication: ReauthenticationService,
    private readonly factors: SecondFactorService,
    private readonly background: BackgroundWork,
    private readonly accountAudit: AccountAudit,
    @Optional() private readonly directory?: TenantDirectory,
    @Optional() private readonly apiKeys?: CredentialVerifier,
  ) {}

  async rename(userId: string, name: string): Promise<UserView> {
    const user = await this.users.update(userId, { name });
    await this.accountAudit.recordSuccess('auth.profile_change', userId);
    return toUserView(user);
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

  /** @throws ProblemException `NOT_FOUND`, also for a session of another user */
  async endSession(userId: string, sessionId: string): Promise<void> {
    if (!(await this.sessions.revoke(userId, sessionId))) {
      throw new ProblemException('NOT_FOUND', 'You do not have this session.');
    }
    await this.accountAudit.recordSuccess('auth.session_end', userId, { session: sessionId });
  }

  async endOtherSessions({ id, sessionId }: Principal): Promise<void> {
    await this.accountAudit.recordSuccess('auth.session_end', id, {
      ended: await this.sessions.revokeAll(id, sessionId),
    });
  }

  async endAllSessions(userId: string): Promise<void> {
    await this.accountAudit.recordSuccess('auth.logout_all', userId, { ended: await this.sessions.revokeAll(userId) });
  }

  /** Ends the other sessions and voids all one-time tokens. API keys stay valid. */
  async changePassword(principal: Principal, { currentPassword, newPassword }: ChangePasswordDto): Promise<void> {
    const { id, sessionId } = principal;
    await this.accounts.retryIfChanged(async () => {
      const verifiedUser = await this.reauthentication.verifyPassword(id, currentPassword);
      const passwordHash = await this.hashNewPassword(newPassword, verifiedUser, 'newPassword');
      await this.accounts.runAs(principal, async () => {
        const { email } = await this.accounts.assertUnchanged(verifiedUser);
        await this.users.update(id, { passwordHash });
        await this.tokens.revokeAll(id);
        await this.sessions.revokeAll(id, sessionId);
        await this.mails.notify(
          email,
          'Your password was changed',
          'Your other sessions have ended. Your API keys still work. If this was not you, reset your password at once.',
        );
        await this.accountAudit.recordSuccess('auth.password_change', id);
      });
    });
  }

  /** Returns at once. Neither the response nor its duration shows whether the account exists. */
  forgotPassword(email: string): void {
    this.background.start('a mail to reset a password', async () => {
      const user = await this.users.findForLogin(email);
      if (user) await this.accounts.run(user.id, (current) => this.sendReset(current));
    });
  }

  /**
   * Mails a token to reset the password. No mail is sent if the account is locked or deactivated, or already has the maximum
   * number of valid tokens. The caller must hold the account's lock.
   */
  async sendReset(user: UserRecord): Promise<void> {
    const isSent = isAccountActive(user) && (await this.mails.sendReset(user));
    await this.accountAudit.recordSuccess('auth.password_reset_requested', user.id, { mailed: isSent });
  }

  /** @throws ProblemException `ONE_TIME_TOKEN_INVALID`, `VALIDATION_FAILED` */
  async resetPassword({ token, password }: ResetPasswordDto): Promise<void> {
    const owner = await this.getOwner('reset-password', token);
    // Done before the token is consumed, so the token stays valid if the password is refused.
    const passwordHash = await this.hashNewPassword(password, owner, 'password');
    await this.redeem('reset-password', token, owner.id, async (user) => {
      await this.users.update(user.id, {
        passwordHash,
        // The token proves that the mail reached the owner of the address.
        emailVerifiedAt: user.emailVerifiedAt ?? new Date(),
      });
      await this.voidCredentials(user.id);
      await this.mails.notify(
        user.email,
        'Your password was reset',
        'All sessions and API keys were revoked. If this was not you, contact us at once.',
      );
      await this.accountAudit.recordSuccess('auth.password_reset', user.id);
    });
  }

  sendVerification(userId: string): Promise<void> {
    return this.accounts.run(userId, async (user) => {
      if (isAccountActive(user) && !user.emailVerifiedAt) await this.mails.sendVerification(user);
    });
  }

  /**
   * For users who cannot log in before they confirm the address. Returns at once, for the same reason as
   * {@link forgotPassword}.
   */
  resendVerification(email: string): void {
    this.background.start('a mail to confirm an address', async () => {
      const user = await this.users.findForLogin(email);
      if (user) await this.sendVerification(user.id);
    });
  }

  /** @throws ProblemException `ONE_TIME_TOKEN_INVALID` */
  async verifyEmail(token: string): Promise<void> {
    const { id } = await this.getOwner('verify-email', token);
    await this.redeem('verify-email', token, id, async (user) => {
      await this.users.update(user.id, { emailVerifiedAt: new Date() });
      await this.tokens.revokeAll(user.id, 'verify-email');
      await this.accountAudit.recordSuccess('auth.email_verified', user.id);
    });
  }

  /**
   * Mails a token to the new address. The address changes when the token is confirmed. {@link confirmEmail} reports an address
   * that is taken. This method does not, so a caller cannot test addresses with it.
   */
  async changeEmail(principal: Principal, { newEmail, currentPassword }: ChangeEmailDto): Promise<void> {
    await this.accounts.retryIfChanged(async () => {
      const verifiedUser = await this.reauthentication.verifyPassword(principal.id, currentPassword);
      await this.accounts.runAs(principal, async ({ id, email }) => {
        await this.accounts.assertUnchanged(verifiedUser);
        await this.mails.sendEmailChange(id, newEmail);
        await this.mails.notify(
          email,
          'Your address is about to change',
          'If this was not you, change your password at once. This also cancels the change of the address.',
        );
        await this.accountAudit.recordSuccess('auth.email_change_requested', id);
      });
    });
  }

  /** @throws ProblemException `ONE_TIME_TOKEN_INVALID`, `EMAIL_TAKEN` */
  async confirmEmail(token: string): Promise<void> {
    const { id } = await this.getOwner('change-email', token);
    const confirm = async (user: UserRecord): Promise<void> => {
      const { email } = await this.tokens.redeem('change-email', token);
      if (!isAccountActive(user)) throw createInvalidTokenProblem();
      await this.users.update(id, { email, emailVerifiedAt: new Date() });
      await this.tokens.revokeAll(id);
      await afterCommit(() => this.revocations.userChanged(id));
      await this.accountAudit.recordSuccess('auth.email_change', id);
    };
    await replaceNotFound(this.accounts.run(id, confirm), createInvalidTokenProblem);
  }

  /** Deactivates the account. Nobody can log in until an administrator reactivates it. */
  async deactivateAccount(principal: Principal, currentPassword: string): Promise<void> {
    await this.takeOutOfUse(principal, currentPassword, async ({ id, email }) => {
      await this.directory?.assertNotLastOwner(id);
      await this.users.update(id, { deactivatedAt: new Date() });
      await this.voidCredentials(id);
      await this.mails.notify(email, 'Your account was deactivated', 'To reactivate it, ask an administrator.');
      await this.accountAudit.recordSuccess('auth.account_deactivated', id);
    });
  }

  async deleteAccount(principal: Principal, currentPassword: string): Promise<void> {
    await this.takeOutOfUse(principal, currentPassword, async ({ id, email }) => {
      await this.directory?.replaceMemberships(id, new Map());
      await this.voidCredentials(id);
      // Foreign keys delete these rows together with the user, but not if the application has its own user store.
      await this.factors.deleteOfUser(id);
      await this.sessions.deleteOfUser(id);
      await this.users.delete(id);
      await this.mails.notify(
        email,
        'Your account was deleted',
        'Your profile, sessions and credentials were deleted.',
      );
      await this.accountAudit.recordSuccess('auth.account_deleted', id);
    });
  }

  /**
   * For an account that may be compromised: ends all sessions, voids all one-time tokens and revokes all API keys. Password,
   * second factor and recovery codes stay valid. The caller must hold the account's lock.
   */
  async voidCredentials(userId: string): Promise<void> {
    await this.tokens.revokeAll(userId);
    await this.sessions.revokeAll(userId);
    await this.apiKeys?.revokeAll(userId);
  }

  /** Runs `work`, which deactivates or deletes the account, after a check of the password. Refuses the last administrator. */
  private async takeOutOfUse(
    principal: Principal,
    currentPassword: string,
    work: (user: UserRecord) => Promise<void>,
  ): Promise<void> {
    await this.accounts.retryIfChanged(async () => {
      const verifiedUser = await this.reauthentication.verifyPassword(principal.id, currentPassword);
      await this.accounts.runAs(
        principal,
        async (user) => {
          await this.accounts.assertUnchanged(verifiedUser);
          await this.administrators.assertNotLast(user);
          await work(user);
        },
        { mayRemoveAdministrator: true },
      );
    });
  }

  /** @throws ProblemException `ONE_TIME_TOKEN_INVALID` */
  private async getOwner(purpose: OneTimePurpose, token: string): Promise<UserRecord> {
    const id = await this.tokens.findOwner(purpose, token);
    const user = id === undefined ? null : await this.users.find(id);
    if (!user) throw createInvalidTokenProblem();
    return user;
  }

  /** Consumes a mailed token. The account must be active and must still have the address that received the mail. */
  private redeem(
    purpose: 'reset-password' | 'verify-email',
    token: string,
    userId: string,
    work: (user: UserRecord) => Promise<void>,
  ): Promise<void> {
    const redeemed = this.accounts.run(userId, async (user) => {
      const { email } = await this.tokens.redeem(purpose, token);
      if (!isAccountActive(user) || user.email !== email) throw createInvalidTokenProblem();
      await work(user);
    });
    return replaceNotFound(redeemed, createInvalidTokenProblem);
  }

  private async hashNewPassword(password: string, { email, name }: UserRecord, path: string): Promise<string> {
    await this.passwords.assertUsable(password, { email, name, path });
    return this.passwords.hash(password);
  }
}

function createInvalidTokenProblem(): ProblemException {
  return new ProblemException(
    'ONE_TIME_TOKEN_INVALID',
    'The token is unknown, used or expired, or the account has changed since. Request a new mail.',
  );
}
