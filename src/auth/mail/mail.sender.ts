import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';

/** @publicApi */
export interface Mail {
  /** The same at every attempt, so that a receiver can tell a mail that comes twice. */
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/**
 * How mail leaves the application. Delivery is retried by the outbox: a sender sends, or throws.
 *
 * @publicApi
 */
export abstract class MailSender {
  abstract send(mail: Mail): Promise<void>;
}

/** Writes mails to the log. For development: they hold tokens that open accounts. @publicApi */
export class LogMailSender extends MailSender {
  private readonly logger = new Logger('Mail');

  async send({ to, subject, text }: Mail): Promise<void> {
    this.logger.log(`to ${to}: ${subject}\n${text}`);
  }
}

/** Writes each mail to a file of its own. For development and tests. @publicApi */
export class FileMailSender extends MailSender {
  constructor(private readonly folder: string) {
    super();
  }

  async send(mail: Mail): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const path = join(this.folder, `${mail.id}.json`);
    // Whoever watches the folder sees whole files only.
    await writeFile(`${path}.part`, JSON.stringify(mail), { mode: 0o600 });
    await rename(`${path}.part`, path);
  }
}

/** Sends nothing: mails wait in the outbox for a process that is configured to. @publicApi */
export class NoMailSender extends MailSender {
  send(): Promise<void> {
    return Promise.reject(new Error('No mail sender is configured. Give AuthModule the option "mailSender"'));
  }
}

interface Transport {
  sendMail(mail: object): Promise<unknown>;
}

/** Sends over SMTP by nodemailer, which is loaded at the first mail. @publicApi */
export class SmtpMailSender extends MailSender {
  private transport: Promise<Transport> | undefined;

  /**
   * @param url `smtp://user:password@host:port`, or `smtps://…` for TLS from the start
   * @param from sender, `Name <address>`
   */
  constructor(
    private readonly url: string,
    private readonly from: string,
  ) {
    super();
  }

  async send({ id, to, subject, text }: Mail): Promise<void> {
    this.transport ??= openTransport(this.url);
    const transport = await this.transport.catch((error: unknown) => {
      this.transport = undefined;
      throw error;
    });
    const domain = this.from.replace(/^.*@|>$/g, '');
    await transport.sendMail({ from: this.from, to, subject, text, messageId: `<${id}@${domain}>` });
  }
}

async function openTransport(url: string): Promise<Transport> {
  // A name in a variable, so that the types of a package that may be absent are not asked for.
  const name = 'nodemailer';
  try {
    const nodemailer = (await import(name)) as { createTransport(url: string): Transport };
    return nodemailer.createTransport(url);
  } catch (cause) {
    throw new Error('Mail over SMTP needs the package nodemailer. Install it: npm install nodemailer', { cause });
  }
}
