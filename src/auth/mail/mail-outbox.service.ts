import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from 'node:crypto';
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { uuidv7 } from '../../common/index.js';
import { MailSender, type Mail } from './mail.sender.js';
import { derivedKey, SIGNING_KEY, type SigningKey } from '../tokens/signing-key.js';

const POLL_MS = 5_000;
const BATCH = 10;
/** How long a replica has for the mails it took, before another one may. */
const LEASE_SECONDS = 60;
const LONGEST_PAUSE_SECONDS = 3_600;
/** About a day. */
const MOST_ATTEMPTS = 30;
const CIPHER = 'aes-256-gcm';

interface OutboxRow {
  id: string;
  sealed: Buffer;
  attempts: number;
}

/**
 * Mail on its way out, in PostgreSQL, so that it outlives an absent mail server and this process. Delivery is at least
 * once. Mails hold tokens, so that they are encrypted while they wait, and gone when they are sent.
 */
@Injectable()
export class MailOutbox implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Mail');
  private readonly key: KeyObject;
  private timer: NodeJS.Timeout | undefined;
  private delivering: Promise<void> | undefined;
  private isClosed = false;

  constructor(
    private readonly source: DataSource,
    private readonly sender: MailSender,
    @Inject(SIGNING_KEY) signingKey: SigningKey,
  ) {
    this.key = derivedKey(signingKey, 'bulwark mail outbox');
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.deliverInBackground(), POLL_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    this.isClosed = true;
    clearInterval(this.timer);
    await this.delivering;
  }

  /** Resolves when the mail is kept, not when it is sent. */
  async enqueue(mail: Omit<Mail, 'id'>): Promise<void> {
    const id = uuidv7();
    await this.source.query('INSERT INTO mail_outbox (id, sealed) VALUES ($1, $2)', [id, this.seal({ ...mail, id })]);
    this.deliverInBackground();
  }

  private deliverInBackground(): void {
    if (this.isClosed) return;
    // One after the other: what was added meanwhile is taken by the next round.
    const before = this.delivering ?? Promise.resolve();
    const mine = before
      .then(() => this.deliver())
      .catch((error: unknown) => this.logger.warn({ err: error, msg: 'the mail outbox cannot be read' }))
      .finally(() => {
        if (this.delivering === mine) this.delivering = undefined;
      });
    this.delivering = mine;
  }

  private async deliver(): Promise<void> {
    // TypeORM answers an UPDATE with the rows and their number.
    const [rows] = await this.source.query<[OutboxRow[], number]>(
      `UPDATE mail_outbox SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => $1)
        WHERE id IN (SELECT id FROM mail_outbox WHERE next_attempt_at <= now() AND attempts < $2
          ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED)
        RETURNING id, sealed, attempts`,
      [LEASE_SECONDS, MOST_ATTEMPTS, BATCH],
    );
    for (const row of rows) await this.attempt(row);
  }

  private async attempt({ id, sealed, attempts }: OutboxRow): Promise<void> {
    try {
      await this.sender.send(this.open(sealed));
      await this.source.query('DELETE FROM mail_outbox WHERE id = $1', [id]);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const pause = Math.min(2 ** attempts, LONGEST_PAUSE_SECONDS);
      const next = attempts < MOST_ATTEMPTS ? `next attempt in ${pause} s` : 'given up; the row stays in mail_outbox';
      this.logger.warn({ err: error, mail: id, msg: `a mail could not be sent; ${next}` });
      await this.source.query(
        'UPDATE mail_outbox SET next_attempt_at = now() + make_interval(secs => $2), last_error = $3 WHERE id = $1',
        [id, pause, reason.slice(0, 500)],
      );
    }
  }

  private seal(mail: Mail): Buffer {
    const nonce = randomBytes(12);
    const cipher = createCipheriv(CIPHER, this.key, nonce);
    const body = Buffer.concat([cipher.update(JSON.stringify(mail), 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), body]);
  }

  private open(sealed: Buffer): Mail {
    const decipher = createDecipheriv(CIPHER, this.key, sealed.subarray(0, 12)).setAuthTag(sealed.subarray(12, 28));
    const text = Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]).toString('utf8');
    return JSON.parse(text) as Mail;
  }
}
