import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { DataSource } from 'typeorm';
import { tryWithAdvisoryLock } from '../database/index.js';
import { AUTH_SETTINGS, type AuthSettings } from './auth.options.js';
import { MAX_ATTEMPTS } from './mail/mail-outbox.service.js';

const EVERY_MS = 600_000;
/** Rows that one transaction removes, so that none holds locks for long. */
const BATCH = 1_000;

/** Rows that are of no use any more. */
interface ExpiredRecords {
  readonly what: string;
  readonly table: string;
  readonly key: string;
  /** When a row was over, in SQL; null while it is not. */
  readonly endedAt: string;
  /** How long it stays then, in milliseconds. */
  readonly keepMs: number;
}

/**
 * Removes what is over. No token of a session that has ended is ever accepted again, nor taken for stolen, so that such a
 * session stays only for whoever looks into what happened. One that goes on keeps its row, and with it the memory of used
 * refresh tokens.
 */
@Injectable()
export class AuthRetention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Auth');
  private readonly expiredRecords: readonly ExpiredRecords[];
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private isStopped = false;

  constructor(
    private readonly source: DataSource,
    @Inject(AUTH_SETTINGS) { retentionMs }: AuthSettings,
  ) {
    const [session, token] = ['LEAST(expires_at, revoked_at)', 'expires_at'];
    const mail = `CASE WHEN attempts >= ${MAX_ATTEMPTS} THEN next_attempt_at END`;
    this.expiredRecords = [
      { what: 'sessions', table: 'auth_sessions', key: 'id', endedAt: session, keepMs: retentionMs },
      { what: 'one-time tokens', table: 'auth_one_time_tokens', key: 'secret_hash', endedAt: token, keepMs: 0 },
      { what: 'mails that were given up', table: 'mail_outbox', key: 'id', endedAt: mail, keepMs: retentionMs },
    ];
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.runInBackground(), EVERY_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isStopped = true;
    clearInterval(this.timer);
    await this.running;
  }

  /** Removes all that is due, unless another replica is at it: that one then goes on with all the rest. */
  async run(): Promise<void> {
    for (const one of this.expiredRecords) {
      for (let removed = BATCH; removed === BATCH && !this.isStopped;) {
        const count = await this.removeSome(one);
        if (count === undefined) return;
        if (count > 0) this.logger.log(`removed ${count} ${one.what}`);
        removed = count;
      }
    }
  }

  private runInBackground(): void {
    this.running ??= this.run()
      .catch((error: unknown) =>
        this.logger.warn({ err: error, msg: 'what is over could not be removed; it is tried again' }),
      )
      .finally(() => (this.running = undefined));
  }

  private removeSome({ table, key, endedAt, keepMs }: ExpiredRecords): Promise<number | undefined> {
    return tryWithAdvisoryLock(this.source, 'auth-retention', async (manager) => {
      // TypeORM answers a DELETE with the rows and their number.
      const [, count] = (await manager.query(
        `DELETE FROM ${table} WHERE ${key} IN (
          SELECT ${key} FROM ${table} WHERE ${endedAt} < now() - $1::float8 * interval '1 ms'
          LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`,
        [keepMs],
      )) as [unknown[], number];
      return count;
    });
  }
}
