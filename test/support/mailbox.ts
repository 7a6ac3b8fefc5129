import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mail } from '../../src/auth/index.js';
import { testFolder } from './folder.js';
import { until } from './until.js';

/** A folder to which an application writes its mails. */
export class Mailbox {
  private constructor(
    private readonly path: string,
    readonly stop: () => Promise<void>,
  ) {}

  static async open(): Promise<Mailbox> {
    const folder = await testFolder();
    return new Mailbox(folder.path, () => folder.stop());
  }

  get env(): Record<string, string> {
    return { MAIL_URL: `file:${this.path}` };
  }

  async mailsTo(address: string): Promise<Mail[]> {
    const names = (await readdir(this.path)).filter((name) => name.endsWith('.json')).sort();
    const mails = await Promise.all(names.map((name) => readFile(join(this.path, name), 'utf8')));
    return mails.map((text) => JSON.parse(text) as Mail).filter(({ to }) => to === address);
  }

  /** Waits for a mail with this subject, and returns the token in the newest one. */
  async tokenFor(address: string, subject: RegExp, after = 0): Promise<string> {
    let token: string | undefined;
    await until(`a mail "${subject.source}" reaches ${address}`, async () => {
      const mails = (await this.mailsTo(address)).filter((mail) => subject.test(mail.subject));
      token = mails.length > after ? /token: ([\w-]+)/.exec(mails.at(-1)?.text ?? '')?.[1] : undefined;
      return token !== undefined;
    });
    return token ?? '';
  }
}
