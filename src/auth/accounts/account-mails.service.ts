import { Inject, Injectable } from '@nestjs/common';
import type { UserRecord } from '../../users/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { MailOutbox } from '../mail/mail-outbox.service.js';
import { OneTimeTokenService, type OneTimePurpose } from './one-time-token.service.js';

type Recipient = Pick<UserRecord, 'id' | 'email'>;

const IF_NOT_YOU = 'If you did not request this, ignore this mail. Nothing changes without the token.';

/** Mails to account owners. A mail is stored in the outbox in the caller's transaction, and sent after the commit. */
@Injectable()
export class AccountMails {
  constructor(
    private readonly outbox: MailOutbox,
    private readonly tokens: OneTimeTokenService,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /** Informs the owner of an event that concerns the account. */
  notify(email: string, subject: string, text: string): Promise<void> {
    return this.outbox.enqueue({ to: email, subject, text });
  }

  /** Returns false, and sends no mail, if the account already has the maximum number of valid tokens. */
  sendReset(user: Recipient): Promise<boolean> {
    return this.sendToken('reset-password', user, {
      subject: 'Reset your password',
      text: (link) => `${link}\nIt is valid for 30 minutes. ${IF_NOT_YOU}`,
    });
  }

  /** For an account that an administrator has created. Returns false in the same case as {@link sendReset}. */
  sendInvitation(user: Recipient): Promise<boolean> {
    return this.sendToken('reset-password', user, {
      subject: 'Choose a password for your new account',
      text: (link) =>
        `An administrator has created an account for this address. ${link}
It is valid for 30 minutes. Later, ask for a new password.`,
    });
  }

  /** Returns false in the same case as {@link sendReset}. */
  sendVerification(user: Recipient): Promise<boolean> {
    return this.sendToken('verify-email', user, {
      subject: 'Confirm your address',
      text: (link) => `Somebody registered with this address. ${link}\n${IF_NOT_YOU}`,
    });
  }

  /** Sends a token to the new address. The token confirms only this address. */
  async sendEmailChange(userId: string, newEmail: string): Promise<void> {
    await this.sendToken(
      'change-email',
      { id: userId, email: newEmail },
      { subject: 'Confirm your new address', text: (link) => `${link}\n${IF_NOT_YOU}` },
    );
  }

  /** Informs the owner of an address that somebody tried to register it again. Returns false as {@link sendReset} does. */
  sendAlreadyRegistered(user: Recipient): Promise<boolean> {
    return this.sendToken('reset-password', user, {
      subject: 'You already have an account',
      text: (link) =>
        `Somebody tried to register with this address, but it already has an account. Log in, or choose a new password. ${link}\n${IF_NOT_YOU}`,
    });
  }

  private async sendToken(
    purpose: OneTimePurpose,
    { id, email }: Recipient,
    { subject, text }: { subject: string; text: (link: string) => string },
  ): Promise<boolean> {
    const token = await this.tokens.issue(purpose, id, email);
    if (token === undefined) return false;
    const { linkTo } = this.settings;
    const link = linkTo ? `Open this link: ${linkTo(purpose, token)}` : `Use this token: ${token}`;
    await this.notify(email, subject, text(link));
    return true;
  }
}
