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
  /** @throws MailRefusedError where trying again is of no use, anything else where it may be */
  abstract send(mail: Mail): Promise<void>;
}

/** The mail server will never take this mail: there is no such recipient, for example. @publicApi */
export class MailRefusedError extends Error {}

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
