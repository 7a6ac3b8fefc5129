import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { InjectModuleDataSource, tryWithAdvisoryLock } from '../database/index.js';
import { PeriodicTasks } from '../periodic-tasks/index.js';
import { AUTH_SETTINGS, type AuthSettings } from './auth.options.js';
import { MAX_ATTEMPTS } from './mail/mail-outbox.service.js';

const EVERY_MS = 600_000;
/** Rows that one transaction deletes, so that none holds locks for long. */
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
 * Deletes expired rows. The tokens of an ended session are never accepted again, and never count as stolen. So the row of
 * such a session is kept for investigations only. A session that goes on keeps its row and its used refresh tokens.
 */
@Injectable()
export class AuthRetention {
  private readonly logger = new Logger('Auth');
  private readonly expiredRecords: readonly ExpiredRecords[];

  constructor(
    @InjectModuleDataSource() private readonly source: DataSource,
    @Inject(AUTH_SETTINGS) { retentionMs }: AuthSettings,
    tasks: PeriodicTasks,
  ) {
    const [session, token] = ['LEAST(expires_at, revoked_at)', 'expires_at'];
    const mail = `CASE WHEN attempts >= ${MAX_ATTEMPTS} THEN next_attempt_at END`;
    this.expiredRecords = [
      { what: 'sessions', table: 'auth_sessions', key: 'id', endedAt: session, keepMs: retentionMs },
      { what: 'one-time tokens', table: 'auth_one_time_tokens', key: 'secret_hash', endedAt: token, keepMs: 0 },
      { what: 'mails that were given up', table: 'mail_outbox', key: 'id', endedAt: mail, keepMs: retentionMs },
    ];
    tasks.add({ name: 'auth-retention', everyMs: EVERY_MS, run: (signal) => this.run(signal) });
  }

  /** Deletes all expired rows, unless another replica does so: that replica then deletes the rest as well. */
  async run(signal?: AbortSignal): Promise<void> {
    for (const one of this.expiredRecords) {
      for (let removed = BATCH; removed === BATCH && signal?.aborted !== true;) {
        const count = await this.removeSome(one);
        if (count === undefined) return;
        if (count > 0) this.logger.log(`deleted ${count} ${one.what}`);
        removed = count;
      }
    }
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
