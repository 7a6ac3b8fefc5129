import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ProblemException } from '../../problem/index.js';
import { managerOf } from '../../database/index.js';

/** What a token is good for, and nothing else. */
export type OneTimePurpose = 'reset-password' | 'verify-email' | 'change-email' | 'second-factor';

interface TokenRule {
  /** Short where the token opens an account. */
  readonly lifeMs: number;
  /** Tokens that one account may have at a time. */
  readonly max: number;
  /** At the maximum: `refuse` issues no more, so that nobody voids a token of the owner; `replace` voids the oldest. */
  readonly atMax: 'refuse' | 'replace';
}

const RULES: Readonly<Record<OneTimePurpose, TokenRule>> = {
  'reset-password': { lifeMs: 30 * 60_000, max: 5, atMax: 'refuse' },
  'verify-email': { lifeMs: 24 * 3_600_000, max: 5, atMax: 'refuse' },
  'change-email': { lifeMs: 3_600_000, max: 1, atMax: 'replace' },
  'second-factor': { lifeMs: 5 * 60_000, max: 20, atMax: 'replace' },
};

/**
 * Tokens that are mailed, or stand between the steps of a login: random, hashed at rest, good once and for one purpose.
 * `issue`, `redeem` and `revokeAll` are for flows that hold the account's lock: see `AccountTransactions`.
 */
@Injectable()
export class OneTimeTokenService {
  constructor(private readonly source: DataSource) {}

  /**
   * @param email the address that the token is mailed to
   * @returns undefined where the account has as many live tokens as it may have
   */
  async issue(purpose: OneTimePurpose, userId: string, email: string): Promise<string | undefined> {
    const { lifeMs, max, atMax } = RULES[purpose];
    const live = await this.query<{ secret_hash: Buffer }>(
      `SELECT secret_hash FROM auth_one_time_tokens
        WHERE user_id = $1 AND purpose = $2 AND expires_at > now() ORDER BY expires_at DESC`,
      [userId, purpose],
    );
    if (live.length >= max) {
      if (atMax === 'refuse') return undefined;
      const oldest = live.slice(max - 1).map(({ secret_hash: hash }) => hash);
      await this.query('DELETE FROM auth_one_time_tokens WHERE secret_hash = ANY ($1)', [oldest]);
    }
    const token = randomBytes(32).toString('base64url');
    await this.query(
      'INSERT INTO auth_one_time_tokens (secret_hash, user_id, purpose, email, expires_at) VALUES ($1, $2, $3, $4, $5)',
      [hashOf(token), userId, purpose, email, new Date(Date.now() + lifeMs)],
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
    const [[row]] = await managerOf(this.source).query<[{ user_id: string; email: string }[], number]>(
      `DELETE FROM auth_one_time_tokens WHERE secret_hash = $1 AND purpose = $2 AND expires_at > now()
        RETURNING user_id, email`,
      [hashOf(token), purpose],
    );
    if (row) return { userId: row.user_id, email: row.email };
    throw new ProblemException(
      'ONE_TIME_TOKEN_INVALID',
      'The token is unknown, used up or expired. Ask for a new mail.',
    );
  }

  /** Whose token it is, without using it up; undefined where it is not good. */
  async ownerOf(purpose: OneTimePurpose, token: string): Promise<string | undefined> {
    const [row] = await this.query<{ user_id: string }>(
      'SELECT user_id FROM auth_one_time_tokens WHERE secret_hash = $1 AND purpose = $2 AND expires_at > now()',
      [hashOf(token), purpose],
    );
    return row?.user_id;
  }

  /** Voids every token of a user, or those of one purpose. */
  async revokeAll(userId: string, purpose?: OneTimePurpose): Promise<void> {
    await this.query('DELETE FROM auth_one_time_tokens WHERE user_id = $1 AND ($2::text IS NULL OR purpose = $2)', [
      userId,
      purpose ?? null,
    ]);
  }

  /** On the open transaction, where there is one. */
  private query<T>(sql: string, values: unknown[]): Promise<T[]> {
    return managerOf(this.source).query<T[]>(sql, values);
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
