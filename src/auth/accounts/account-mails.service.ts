import { Inject, Injectable } from '@nestjs/common';
import type { UserRecord } from '../../users/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { MailOutbox } from '../mail/mail-outbox.service.js';
import { OneTimeTokenService, type OneTimePurpose } from './one-time-token.service.js';

type Recipient = Pick<UserRecord, 'id' | 'email'>;

/** What account owners are told by mail. Resolves when the mail is kept, not when it is sent. */
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

  async sendReset({ id, email }: Recipient): Promise<void> {
    const link = await this.link('reset-password', id, email);
    await this.notify(
      email,
      'Reset your password',
      `Somebody, hopefully you, asked for it. ${link}\nIt is good for 30 minutes.`,
    );
  }

  async sendVerification({ id, email }: Recipient): Promise<void> {
    await this.notify(email, 'Confirm your address', await this.link('verify-email', id, email));
  }

  /** To the new address; the token holds for that one alone. */
  async sendEmailChange(userId: string, newEmail: string): Promise<void> {
    await this.notify(newEmail, 'Confirm your new address', await this.link('change-email', userId, newEmail));
  }

  /** To the owner of an address that somebody has tried to register again. */
  async sendAlreadyRegistered({ id, email }: Recipient): Promise<void> {
    const link = await this.link('reset-password', id, email);
    await this.notify(
      email,
      'You have an account already',
      `Somebody, hopefully you, tried to register with this address, which has an account. Log in, or choose a new password. ${link}`,
    );
  }

  private async link(purpose: OneTimePurpose, userId: string, email: string): Promise<string> {
    const token = await this.tokens.issue(purpose, userId, email);
    const { linkTo } = this.settings;
    return linkTo ? `Follow this link: ${linkTo(purpose, token)}` : `Use this token: ${token}`;
  }
}
