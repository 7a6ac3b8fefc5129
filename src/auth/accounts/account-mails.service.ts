import { Inject, Injectable } from '@nestjs/common';
import type { UserRecord } from '../../users/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { MailOutbox } from '../mail/mail-outbox.service.js';
import { OneTimeTokenService, type OneTimePurpose } from './one-time-token.service.js';

type Recipient = Pick<UserRecord, 'id' | 'email'>;

const IF_NOT_YOU = 'If you did not ask for this, ignore this mail: nothing happens without the token.';

/** Mails to account owners. Resolves when the mail is in the outbox, in the transaction of the caller; not when it is sent. */
@Injectable()
export class AccountMails {
  constructor(
    private readonly outbox: MailOutbox,
    private readonly tokens: OneTimeTokenService,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /** Something happened to the account that its owner should know of. */
  notify(email: string, subject: string, text: string): Promise<void> {
    return this.outbox.enqueue({ to: email, subject, text });
  }

  /** False where the account has as many live tokens as it may have: no mail is sent. */
  sendReset(user: Recipient): Promise<boolean> {
    return this.sendToken('reset-password', user, {
      subject: 'Reset your password',
      text: (link) => `${link}\nIt can be used for 30 minutes. ${IF_NOT_YOU}`,
    });
  }

  /** False as with {@link sendReset}. */
  sendVerification(user: Recipient): Promise<boolean> {
    return this.sendToken('verify-email', user, {
      subject: 'Confirm your address',
      text: (link) => `Somebody registered with this address. ${link}\n${IF_NOT_YOU}`,
    });
  }

  /** To the new address; the token holds for that one alone. */
  async sendEmailChange(userId: string, newEmail: string): Promise<void> {
    await this.sendToken(
      'change-email',
      { id: userId, email: newEmail },
      { subject: 'Confirm your new address', text: (link) => `${link}\n${IF_NOT_YOU}` },
    );
  }

  /** To the owner of an address that somebody has tried to register again. False as with {@link sendReset}. */
  sendAlreadyRegistered(user: Recipient): Promise<boolean> {
    return this.sendToken('reset-password', user, {
      subject: 'You have an account already',
      text: (link) =>
        `Somebody tried to register with this address, which has an account. Log in, or choose a new password. ${link}\n${IF_NOT_YOU}`,
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
    const link = linkTo ? `Follow this link: ${linkTo(purpose, token)}` : `Use this token: ${token}`;
    await this.notify(email, subject, text(link));
    return true;
  }
}
