import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { InjectModuleDataSource, managerOf } from '../../database/index.js';

export interface SecondFactor {
  readonly encryptedSecret: Buffer;
  readonly confirmedAt: Date | null;
}

/**
 * Second factors and recovery codes in PostgreSQL. Callers of methods that change data must hold the account's lock: see
 * `AccountTransactions`.
 */
@Injectable()
export class SecondFactorStore {
  constructor(@InjectModuleDataSource() private readonly source: DataSource) {}

  async find(userId: string): Promise<SecondFactor | undefined> {
    const [row] = await managerOf(this.source).query<SecondFactor[]>(
      `SELECT encrypted_secret AS "encryptedSecret", confirmed_at AS "confirmedAt" FROM auth_second_factors WHERE user_id = $1`,
      [userId],
    );
    return row;
  }

  /** Begins an enrolment and replaces an unconfirmed one. Returns false if a factor is already active. */
  async beginEnrolment(userId: string, encryptedSecret: Buffer): Promise<boolean> {
    const rows = await managerOf(this.source).query<unknown[]>(
      `INSERT INTO auth_second_factors (user_id, encrypted_secret) VALUES ($1, $2)
        ON CONFLICT (user_id) DO UPDATE SET encrypted_secret = excluded.encrypted_secret, created_at = now(), last_step = 0
        WHERE auth_second_factors.confirmed_at IS NULL RETURNING user_id`,
      [userId, encryptedSecret],
    );
    return rows.length === 1;
  }

  /** Stores the time step of an accepted code. Returns false if this or a later step was accepted before. */
  async consumeStep(userId: string, step: number): Promise<boolean> {
    const [, affected] = await managerOf(this.source).query<[unknown[], number]>(
      'UPDATE auth_second_factors SET last_step = $2 WHERE user_id = $1 AND last_step < $2',
      [userId, step],
    );
    return affected === 1;
  }

  /** Activates the factor and stores its first recovery codes. Returns false if it was already active. */
  async confirmEnrolment(userId: string, codeHashes: readonly Buffer[]): Promise<boolean> {
    const [, affected] = await managerOf(this.source).query<[unknown[], number]>(
      'UPDATE auth_second_factors SET confirmed_at = now() WHERE user_id = $1 AND confirmed_at IS NULL',
      [userId],
    );
    if (affected === 1) await this.replaceRecoveryCodes(userId, codeHashes);
    return affected === 1;
  }

  async replaceRecoveryCodes(userId: string, codeHashes: readonly Buffer[]): Promise<void> {
    await managerOf(this.source).query(REPLACE_RECOVERY_CODES, [userId, codeHashes]);
  }

  /** Deletes a recovery code. Returns false if it is unknown or was already used. */
  async consumeRecoveryCode(userId: string, codeHash: Buffer): Promise<boolean> {
    const [, affected] = await managerOf(this.source).query<[unknown[], number]>(
      'DELETE FROM auth_recovery_codes WHERE user_id = $1 AND code_hash = $2',
      [userId, codeHash],
    );
    return affected === 1;
  }

  async countRecoveryCodes(userId: string): Promise<number> {
    const [row] = await managerOf(this.source).query<{ count: number }[]>(
      'SELECT count(*)::int AS count FROM auth_recovery_codes WHERE user_id = $1',
      [userId],
    );
    return row?.count ?? 0;
  }

  /** Deletes the factor and its recovery codes. Returns false if there was none. */
  async remove(userId: string): Promise<boolean> {
    const [, affected] = await managerOf(this.source).query<[unknown[], number]>(
      `WITH codes AS (DELETE FROM auth_recovery_codes WHERE user_id = $1)
        DELETE FROM auth_second_factors WHERE user_id = $1`,
      [userId],
    );
    return affected === 1;
  }
}

/** One statement. The DELETE sees only the rows that existed before, so it does not delete the new codes. */
const REPLACE_RECOVERY_CODES = `WITH old AS (DELETE FROM auth_recovery_codes WHERE user_id = $1)
  INSERT INTO auth_recovery_codes (user_id, code_hash) SELECT $1, unnest($2::bytea[])`;
