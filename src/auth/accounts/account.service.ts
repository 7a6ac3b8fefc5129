import { Injectable, Optional } from '@nestjs/common';
import {
  AuditTrail,
  CredentialVerifier,
  NoAuditTrail,
  TenantDirectory,
  type AuditAction,
  type AuditInput,
  type AuditMetadata,
} from '../../ports/index.js';
import { ProblemException } from '../../problem/index.js';
import type { Principal } from '../../context/index.js';
import { afterCommit } from '../../database/index.js';
import { UsersService, type UserRecord } from '../../users/index.js';
import { AccountTransactions, canAct, orWhenDeleted } from './account-transactions.js';
import { AdministratorsService } from './administrators.service.js';
import type { ChangeEmailDto, ChangePasswordDto, ResetPasswordDto, SessionView } from './account.dto.js';
import { AccountMails } from './account-mails.service.js';
import { viewOf, type UserView } from '../auth.dto.js';
import { BackgroundWork } from '../background-work.js';
import { OneTimeTokenService, type OneTimePurpose } from './one-time-token.service.js';
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
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() private readonly directory?: TenantDirectory,
    @Optional() private readonly apiKeys?: CredentialVerifier,
  ) {}

  async rename(userId: string, name: string): Promise<UserView> {
    const user = await this.users.update(userId, { name });
    await this.recordAudit('auth.profile_change', userId);
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
    await this.recordAudit('auth.session_end', userId, { session: sessionId });
  }

  async endOtherSessions({ id, sessionId }: Principal): Promise<void> {
    await this.recordAudit('auth.session_end', id, { ended: await this.sessions.revokeAll(id, sessionId) });
  }

  async endAllSessions(userId: string): Promise<void> {
    await this.recordAudit('auth.logout_all', userId, { ended: await this.sessions.revokeAll(userId) });
  }

  /** Ends the other sessions and voids all one-time tokens; API keys stay. */
  async changePassword(principal: Principal, { currentPassword, newPassword }: ChangePasswordDto): Promise<void> {
    const { id, sessionId } = principal;
    await this.accounts.decide(async () => {
      const seen = await this.reauthentication.check(id, currentPassword);
      const passwordHash = await this.hashOf(newPassword, seen, 'newPassword');
      await this.accounts.runAs(principal, async () => {
        const { email } = await this.accounts.sameAs(seen);
        await this.users.update(id, { passwordHash });
        await this.tokens.revokeAll(id);
        await this.sessions.revokeAll(id, sessionId);
        await this.mails.notify(
          email,
          'Your password was changed',
          'Your other sessions were ended; your API keys still work. If that was not you, reset your password at once.',
        );
        await this.recordAudit('auth.password_change', id);
      });
    });
  }

  /** Returns at once, whether there is such an account or not: neither answer nor time may tell. */
  forgotPassword(email: string): void {
    this.background.start('a mail to reset a password', async () => {
      const user = await this.users.findForLogin(email);
      if (user) await this.accounts.run(user.id, (current) => this.sendReset(current));
    });
  }

  /** For a flow that holds the account's lock. No mail where the account is locked, deactivated, or has enough live tokens. */
  async sendReset(user: UserRecord): Promise<void> {
    const isSent = canAct(user) && (await this.mails.sendReset(user));
    await this.recordAudit('auth.password_reset_requested', user.id, { mailed: isSent });
  }

  /** @throws ProblemException `ONE_TIME_TOKEN_INVALID`, `VALIDATION_FAILED` */
  async resetPassword({ token, password }: ResetPasswordDto): Promise<void> {
    const owner = await this.ownerOf('reset-password', token);
    // Before the token is used up, so that a refused password leaves it good.
    const passwordHash = await this.hashOf(password, owner, 'password');
    await this.redeem('reset-password', token, owner.id, async (user) => {
      await this.users.update(user.id, {
        passwordHash,
        // The mail reached the owner of the address.
        emailVerifiedAt: user.emailVerifiedAt ?? new Date(),
      });
      await this.voidCredentials(user.id);
      await this.mails.notify(
        user.email,
        'Your password was reset',
        'All sessions and API keys were revoked. If that was not you, tell us.',
      );
      await this.recordAudit('auth.password_reset', user.id);
    });
  }

  sendVerification(userId: string): Promise<void> {
    return this.accounts.run(userId, async (user) => {
      if (canAct(user) && !user.emailVerifiedAt) await this.mails.sendVerification(user);
    });
  }

  /** For those who cannot log in before. Returns at once, as `forgotPassword` does, and for the same reason. */
  resendVerification(email: string): void {
    this.background.start('a mail to confirm an address', async () => {
      const user = await this.users.findForLogin(email);
      if (user) await this.sendVerification(user.id);
    });
  }

  /** @throws ProblemException `ONE_TIME_TOKEN_INVALID` */
  async verifyEmail(token: string): Promise<void> {
    const { id } = await this.ownerOf('verify-email', token);
    await this.redeem('verify-email', token, id, async (user) => {
      await this.users.update(user.id, { emailVerifiedAt: new Date() });
      await this.tokens.revokeAll(user.id, 'verify-email');
      await this.recordAudit('auth.email_verified', user.id);
    });
  }

  /** Mails to the new address, which holds once it is confirmed. That it is taken is not said here, but there. */
  async changeEmail(principal: Principal, { newEmail, currentPassword }: ChangeEmailDto): Promise<void> {
    await this.accounts.decide(async () => {
      const seen = await this.reauthentication.check(principal.id, currentPassword);
      await this.accounts.runAs(principal, async ({ id, email }) => {
        await this.accounts.sameAs(seen);
        await this.mails.sendEmailChange(id, newEmail);
        await this.mails.notify(
          email,
          'Your address is about to change',
          'If that was not you, change your password at once: the change can then not be confirmed.',
        );
        await this.recordAudit('auth.email_change_requested', id);
      });
    });
  }

  /** @throws ProblemException `ONE_TIME_TOKEN_INVALID`, `EMAIL_TAKEN` */
  async confirmEmail(token: string): Promise<void> {
    const { id } = await this.ownerOf('change-email', token);
    const confirm = async (user: UserRecord): Promise<void> => {
      const { email } = await this.tokens.redeem('change-email', token);
      if (!canAct(user)) throw tokenInvalid();
      await this.users.update(id, { email, emailVerifiedAt: new Date() });
      await this.tokens.revokeAll(id);
      await afterCommit(() => this.revocations.userChanged(id));
      await this.recordAudit('auth.email_change', id);
    };
    await orWhenDeleted(this.accounts.run(id, confirm), tokenInvalid);
  }

  /** Keeps the account unused: nobody can log in until an administrator reactivates it. */
  async deactivateAccount(principal: Principal, currentPassword: string): Promise<void> {
    await this.leave(principal, currentPassword, async ({ id, email }) => {
      await this.directory?.assertNotLastOwner(id);
      await this.users.update(id, { deactivatedAt: new Date() });
      await this.voidCredentials(id);
      await this.mails.notify(email, 'Your account was deactivated', 'Ask an administrator if you want it back.');
      await this.recordAudit('auth.account_deactivated', id);
    });
  }

  async deleteAccount(principal: Principal, currentPassword: string): Promise<void> {
    await this.leave(principal, currentPassword, async ({ id, email }) => {
      await this.directory?.replaceMemberships(id, new Map());
      await this.voidCredentials(id);
      // Rows of the account go with the table `users`; a user store of the application's own does not delete them.
      await this.factors.forget(id);
      await this.sessions.forget(id);
      await this.users.delete(id);
      await this.mails.notify(email, 'Your account was deleted', 'All that belongs to it is gone.');
      await this.recordAudit('auth.account_deleted', id);
    });
  }

  /**
   * The remedy when an account may be in other hands: ends all sessions, voids all one-time tokens and revokes all API keys.
   * Password, second factor and recovery codes stay. For a flow that holds the account's lock.
   */
  async voidCredentials(userId: string): Promise<void> {
    await this.tokens.revokeAll(userId);
    await this.sessions.revokeAll(userId);
    await this.apiKeys?.revokeAll(userId);
  }

  /** For what takes the account out of use; the last administrator cannot. */
  private async leave(
    principal: Principal,
    currentPassword: string,
    work: (user: UserRecord) => Promise<void>,
  ): Promise<void> {
    await this.accounts.decide(async () => {
      const seen = await this.reauthentication.check(principal.id, currentPassword);
      await this.accounts.runAs(
        principal,
        async (user) => {
          await this.accounts.sameAs(seen);
          await this.administrators.assertNotLast(user);
          await work(user);
        },
        { administrators: true },
      );
    });
  }

  /** @throws ProblemException `ONE_TIME_TOKEN_INVALID` */
  private async ownerOf(purpose: OneTimePurpose, token: string): Promise<UserRecord> {
    const id = await this.tokens.ownerOf(purpose, token);
    const user = id === undefined ? null : await this.users.find(id);
    if (!user) throw tokenInvalid();
    return user;
  }

  /** Uses a mailed token up, if the account may act and the address is still the one that the mail went to. */
  private redeem(
    purpose: 'reset-password' | 'verify-email',
    token: string,
    userId: string,
    work: (user: UserRecord) => Promise<void>,
  ): Promise<void> {
    const redeemed = this.accounts.run(userId, async (user) => {
      const { email } = await this.tokens.redeem(purpose, token);
      if (!canAct(user) || user.email !== email) throw tokenInvalid();
      await work(user);
    });
    return orWhenDeleted(redeemed, tokenInvalid);
  }

  private async hashOf(password: string, { email, name }: UserRecord, path: string): Promise<string> {
    await this.passwords.assertUsable(password, { email, name, path });
    return this.passwords.hash(password);
  }

  private recordAudit<A extends AuditAction>(action: A, userId: string, metadata?: AuditMetadata<A>): Promise<void> {
    const event: AuditInput<AuditAction> = {
      action,
      outcome: 'success',
      actorId: userId,
      target: `user:${userId}`,
      metadata,
    };
    return afterCommit(() => this.audit.record(event));
  }
}

function tokenInvalid(): ProblemException {
  return new ProblemException(
    'ONE_TIME_TOKEN_INVALID',
    'The token is unknown, used up or expired, or the account has changed since. Ask for a new mail.',
  );
}
