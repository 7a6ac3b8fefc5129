import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';

/** @publicApi */
export interface Mail {
  /** Equal at every attempt, so a receiver can detect duplicates. */
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/**
 * Sends mails. The outbox retries failed mails, so a sender makes one attempt and throws if it fails.
 *
 * @publicApi
 */
export abstract class MailSender {
  /** @throws MailRefusedError if a new attempt would fail too; any other error if the outbox should try again */
  abstract send(mail: Mail): Promise<void>;
}

/** The mail server refuses this mail permanently, for example because the recipient does not exist. @publicApi */
export class MailRefusedError extends Error {}

/** Writes mails to the log. Only for development, because mails contain tokens that give access to accounts. @publicApi */
export class LogMailSender extends MailSender {
  private readonly logger = new Logger('Mail');

  async send({ to, subject, text }: Mail): Promise<void> {
    this.logger.log(`to ${to}: ${subject}\n${text}`);
  }
}

/** Writes each mail to its own file. For development and tests. @publicApi */
export class FileMailSender extends MailSender {
  constructor(private readonly folder: string) {
    super();
  }

  async send(mail: Mail): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const path = join(this.folder, `${mail.id}.json`);
    // Written under another name first, so readers of the folder see only complete files.
    await writeFile(`${path}.part`, JSON.stringify(mail), { mode: 0o600 });
    await rename(`${path}.part`, path);
  }
}

/** Sends nothing. Mails wait in the outbox for a process that has a mail sender. @publicApi */
export class NoMailSender extends MailSender {
  send(): Promise<void> {
    return Promise.reject(new Error('No mail sender is configured. Give AuthModule the option "mailSender"'));
  }
}
