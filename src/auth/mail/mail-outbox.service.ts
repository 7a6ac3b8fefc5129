import { Injectable, Logger, Optional } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditTrail, NoAuditTrail } from '../../ports/index.js';
import { uuidv7 } from '../../common/index.js';
import { afterCommit, InjectModuleDataSource, managerOf } from '../../database/index.js';
import { PeriodicTasks, type PeriodicTaskRunner } from '../../periodic-tasks/index.js';
import { FieldEncryptor } from '../field-encryptor.js';
import { MailRefusedError, MailSender, type Mail } from './mail.sender.js';

const POLL_MS = 5_000;
/** How long a replica has for the mail it took, before another one may; longer than a sender takes. */
const LEASE_SECONDS = 90;
const MAX_PAUSE_SECONDS = 3_600;
/** About a day. */
export const MAX_ATTEMPTS = 30;
/** Top-level domain that no mail can ever reach (RFC 2606). */
const NOWHERE = /\.invalid$/i;

interface OutboxRow {
  id: string;
  encryptedMail: Buffer;
  attempts: number;
}

/**
 * Mail on its way out, in PostgreSQL, so that it outlives an absent mail server and this process. Delivery is at least
 * once. Mails hold tokens, so that they are encrypted while they wait, and gone when they are sent.
 */
@Injectable()
export class MailOutbox {
  private readonly logger = new Logger('Mail');
  private readonly delivery: PeriodicTaskRunner;

  constructor(
    @InjectModuleDataSource() private readonly source: DataSource,
    private readonly sender: MailSender,
    private readonly encryptor: FieldEncryptor,
    tasks: PeriodicTasks,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
  ) {
    this.delivery = tasks.add({
      name: 'mail-outbox',
      everyMs: POLL_MS,
      run: (signal) => this.deliver(signal),
      runsUntilClose: true,
    });
  }

  /** Resolves when the mail is in the outbox, in the transaction of the caller; not when it is sent. */
  async enqueue(mail: Omit<Mail, 'id'>): Promise<void> {
    if (NOWHERE.test(mail.to)) return;
    const id = uuidv7();
    const encryptedMail = this.encryptor.encrypt(JSON.stringify({ ...mail, id }), ownerOf(id));
    await managerOf(this.source).query('INSERT INTO mail_outbox (id, encrypted_mail) VALUES ($1, $2)', [
      id,
      encryptedMail,
    ]);
    await afterCommit(() => this.delivery.wake());
  }

  private async deliver(signal: AbortSignal): Promise<void> {
    // One by one, so that the lease of each mail begins when its turn comes.
    while (!signal.aborted) {
      const row = await this.take();
      if (!row) return;
      await this.attempt(row);
    }
  }

  private async take(): Promise<OutboxRow | undefined> {
    // TypeORM answers an UPDATE with the rows and their number.
    const [[row]] = await this.source.query<[OutboxRow[], number]>(
      `UPDATE mail_outbox SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => $1)
        WHERE id = (SELECT id FROM mail_outbox WHERE next_attempt_at <= now() AND attempts < $2
          ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING id, encrypted_mail AS "encryptedMail", attempts`,
      [LEASE_SECONDS, MAX_ATTEMPTS],
    );
    return row;
  }

  private async attempt({ id, encryptedMail, attempts }: OutboxRow): Promise<void> {
    try {
      await this.sender.send(JSON.parse(this.encryptor.decrypt(encryptedMail, ownerOf(id))) as Mail);
      await this.source.query('DELETE FROM mail_outbox WHERE id = $1', [id]);
    } catch (error) {
      const isFinal = error instanceof MailRefusedError || attempts >= MAX_ATTEMPTS;
      const pause = Math.min(2 ** attempts, MAX_PAUSE_SECONDS);
      const next = isFinal ? 'given up; the row stays in mail_outbox' : `next attempt in ${pause} s`;
      this.logger.warn({ err: error, mail: id, msg: `a mail could not be sent; ${next}` });
      if (isFinal) this.audit.record({ action: 'auth.mail_given_up', outcome: 'failure', target: `mail:${id}` });
      const reason = error instanceof Error ? error.message : String(error);
      await this.source.query(
        `UPDATE mail_outbox SET next_attempt_at = now() + make_interval(secs => $2), last_error = $3, attempts = $4
          WHERE id = $1`,
        [id, pause, reason.slice(0, 500), isFinal ? MAX_ATTEMPTS : attempts],
      );
    }
  }
}

function ownerOf(id: string): string {
  return `mail:${id}`;
}
