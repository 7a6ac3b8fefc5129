import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ProblemException } from '../../common/index.js';

/** What a token is good for, and nothing else. */
export type OneTimePurpose = 'reset-password' | 'verify-email' | 'change-email' | 'second-factor';

/** Life of a token, in milliseconds: short where it opens an account. */
const LIFE_MS: Readonly<Record<OneTimePurpose, number>> = {
  'reset-password': 30 * 60_000,
  'verify-email': 24 * 3_600_000,
  'change-email': 3_600_000,
  'second-factor': 5 * 60_000,
};

/** Tokens that are mailed, or stand between the steps of a login: random, hashed at rest, good once, for one purpose, and only the newest of its purpose. */
@Injectable()
export class OneTimeTokenService {
  constructor(private readonly source: DataSource) {}

  /** @param email the address that the token is mailed to */
  async issue(purpose: OneTimePurpose, userId: string, email: string): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    await this.source.query(
      `INSERT INTO auth_one_time_tokens (secret_hash, user_id, purpose, email, expires_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT ON CONSTRAINT auth_one_time_tokens_newest DO UPDATE
        SET secret_hash = excluded.secret_hash, email = excluded.email, expires_at = excluded.expires_at`,
      [hashOf(token), userId, purpose, email, new Date(Date.now() + LIFE_MS[purpose])],
    );
    return token;
  }

  /**
   * Uses a token up. Of two that try at the same moment one gets through.
   *
   * @throws ProblemException `ONE_TIME_TOKEN_INVALID`
   */
  async redeem(purpose: OneTimePurpose, token: string): Promise<{ userId: string; email: string }> {
    // TypeORM answers a DELETE with the rows and their number.
    const [[row]] = await this.source.query<[{ user_id: string; email: string }[], number]>(
      `DELETE FROM auth_one_time_tokens WHERE secret_hash = $1 AND purpose = $2 AND expires_at > now()
        RETURNING user_id, email`,
      [hashOf(token), purpose],
    );
    if (row) return { userId: row.user_id, email: row.email };
    throw new ProblemException(
      'ONE_TIME_TOKEN_INVALID',
      'The token is unknown, used up or expired. Ask for a new mail, and use the newest.',
    );
  }

  /** Whose token it is, without using it up; undefined where it is not good. */
  async ownerOf(purpose: OneTimePurpose, token: string): Promise<string | undefined> {
    const [row] = await this.source.query<{ user_id: string }[]>(
      'SELECT user_id FROM auth_one_time_tokens WHERE secret_hash = $1 AND purpose = $2 AND expires_at > now()',
      [hashOf(token), purpose],
    );
    return row?.user_id;
  }

  /** Makes every token of a user void. */
  async revokeAll(userId: string): Promise<void> {
    await this.source.query('DELETE FROM auth_one_time_tokens WHERE user_id = $1', [userId]);
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
