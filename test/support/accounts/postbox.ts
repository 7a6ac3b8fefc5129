import { MailSender, type Mail } from '../../../src/auth/index.js';
import type { TestApp } from '../harness.js';
import { until } from '../until.js';

/** Receives the mails of several replicas in memory, by address. */
export class Postbox {
  private readonly mails = new Map<string, Mail[]>();

  connect({ app }: TestApp): void {
    app.get(MailSender, { strict: false }).send = async (mail: Mail) => {
      this.mails.set(mail.to, [...this.mailsTo(mail.to), mail]);
    };
  }

  mailsTo(address: string): readonly Mail[] {
    return this.mails.get(address) ?? [];
  }

  /** The tokens in all mails with this subject, oldest mail first. */
  tokensFor(address: string, subject: RegExp): string[] {
    return this.mailsTo(address)
      .filter((mail) => subject.test(mail.subject))
      .flatMap(({ text }) => /token: ([\w-]+)/.exec(text)?.[1] ?? []);
  }

  /** Waits for at least `count` of these tokens. */
  async waitForTokens(address: string, subject: RegExp, count = 1): Promise<string[]> {
    const hasArrived = () => this.tokensFor(address, subject).length >= count;
    await until(`${count} mails "${subject.source}" reach ${address}`, hasArrived, { withinMs: 30_000, everyMs: 2 });
    return this.tokensFor(address, subject);
  }
}
