import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { managerOf } from '../../database/index.js';

export interface SecondFactor {
  readonly sealedSecret: Buffer;
  readonly confirmedAt: Date | null;
}

/**
 * Second factors and recovery codes in PostgreSQL. What changes them is for flows that hold the account's lock: see
 * `AccountTransactions`.
 */
@Injectable()
export class SecondFactorStore {
  constructor(private readonly source: DataSource) {}

  async find(userId: string): Promise<SecondFactor | undefined> {
    const [row] = await managerOf(this.source).query<SecondFactor[]>(
      `SELECT sealed_secret AS "sealedSecret", confirmed_at AS "confirmedAt" FROM auth_second_factors WHERE user_id = $1`,
      [userId],
    );
    return row;
  }

  /** Begins an enrolment, in place of one that was not confirmed; false where a factor is in force. */
  async begin(userId: string, sealedSecret: Buffer): Promise<boolean> {
    const rows = await managerOf(this.source).query<unknown[]>(
      `INSERT INTO auth_second_factors (user_id, sealed_secret) VALUES ($1, $2)
        ON CONFLICT (user_id) DO UPDATE SET sealed_secret = excluded.sealed_secret, created_at = now(), last_step = 0
        WHERE auth_second_factors.confirmed_at IS NULL RETURNING user_id`,
      [userId, sealedSecret],
    );
    return rows.length === 1;
  }

  /** Stores the step of an accepted code; false where it, or a later one, was accepted before. */
  async useStep(userId: string, step: number): Promise<boolean> {
    const [, affected] = await managerOf(this.source).query<[unknown[], number]>(
      'UPDATE auth_second_factors SET last_step = $2 WHERE user_id = $1 AND last_step < $2',
      [userId, step],
    );
    return affected === 1;
  }

  /** Puts the factor in force, with its first recovery codes; false where it was already. */
  async confirm(userId: string, codeHashes: readonly Buffer[]): Promise<boolean> {
    const [, affected] = await managerOf(this.source).query<[unknown[], number]>(
      'UPDATE auth_second_factors SET confirmed_at = now() WHERE user_id = $1 AND confirmed_at IS NULL',
      [userId],
    );
    if (affected === 1) await this.replaceCodes(userId, codeHashes);
    return affected === 1;
  }

  async replaceCodes(userId: string, codeHashes: readonly Buffer[]): Promise<void> {
    await managerOf(this.source).query(REPLACE_CODES, [userId, codeHashes]);
  }

  /** Uses a recovery code up; false where it is none, or was used. */
  async useCode(userId: string, codeHash: Buffer): Promise<boolean> {
    const [, affected] = await managerOf(this.source).query<[unknown[], number]>(
      'DELETE FROM auth_recovery_codes WHERE user_id = $1 AND code_hash = $2',
      [userId, codeHash],
    );
    return affected === 1;
  }

  async countCodes(userId: string): Promise<number> {
    const [row] = await managerOf(this.source).query<{ count: number }[]>(
      'SELECT count(*)::int AS count FROM auth_recovery_codes WHERE user_id = $1',
      [userId],
    );
    return row?.count ?? 0;
  }

  /** False where there was none. */
  async remove(userId: string): Promise<boolean> {
    const [, affected] = await managerOf(this.source).query<[unknown[], number]>(
      `WITH codes AS (DELETE FROM auth_recovery_codes WHERE user_id = $1)
        DELETE FROM auth_second_factors WHERE user_id = $1`,
      [userId],
    );
    return affected === 1;
  }
}

/** In one statement: the old codes go by what it sees, the new ones come. */
const REPLACE_CODES = `WITH old AS (DELETE FROM auth_recovery_codes WHERE user_id = $1)
  INSERT INTO auth_recovery_codes (user_id, code_hash) SELECT $1, unnest($2::bytea[])`;
