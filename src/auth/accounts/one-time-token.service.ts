import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ProblemException } from '../../problem/index.js';
import { InjectModuleDataSource, managerOf } from '../../database/index.js';

/** The only purpose for which a token is valid. */
export type OneTimePurpose = 'reset-password' | 'verify-email' | 'change-email' | 'second-factor';

interface TokenRule {
  /** Short if the token gives access to an account. */
  readonly ttlMs: number;
  /** Maximum number of valid tokens of one account. */
  readonly max: number;
  /** At the maximum, `refuse` issues no token, so an attacker cannot void the owner's tokens. `replace` voids the oldest. */
  readonly atMax: 'refuse' | 'replace';
}

const RULES: Readonly<Record<OneTimePurpose, TokenRule>> = {
  'reset-password': { ttlMs: 30 * 60_000, max: 5, atMax: 'refuse' },
  'verify-email': { ttlMs: 24 * 3_600_000, max: 5, atMax: 'refuse' },
  'change-email': { ttlMs: 3_600_000, max: 1, atMax: 'replace' },
  'second-factor': { ttlMs: 5 * 60_000, max: 20, atMax: 'replace' },
};

/**
 * Tokens in mails and between the steps of a login: random, stored as a hash, valid once and for one purpose. Callers of
 * `issue`, `redeem` and `revokeAll` must hold the account's lock: see `AccountTransactions`.
 */
@Injectable()
export class OneTimeTokenService {
  constructor(@InjectModuleDataSource() private readonly source: DataSource) {}

  /**
   * @param email address that receives the token
   * @returns undefined if the account already has the maximum number of valid tokens
   */
  async issue(purpose: OneTimePurpose, userId: string, email: string): Promise<string | undefined> {
    const { ttlMs, max, atMax } = RULES[purpose];
    const validTokens = await this.query<{ secret_hash: Buffer }>(
      `SELECT secret_hash FROM auth_one_time_tokens
        WHERE user_id = $1 AND purpose = $2 AND expires_at > now() ORDER BY expires_at DESC`,
      [userId, purpose],
    );
    if (validTokens.length >= max) {
      if (atMax === 'refuse') return undefined;
      const oldest = validTokens.slice(max - 1).map(({ secret_hash: hash }) => hash);
      await this.query('DELETE FROM auth_one_time_tokens WHERE secret_hash = ANY ($1)', [oldest]);
    }
    const token = randomBytes(32).toString('base64url');
    await this.query(
      'INSERT INTO auth_one_time_tokens (secret_hash, user_id, purpose, email, expires_at) VALUES ($1, $2, $3, $4, $5)',
      [hashToken(token), userId, purpose, email, new Date(Date.now() + ttlMs)],
    );
    return token;
  }

  /**
   * Consumes a token. If two requests redeem the same token in parallel, only one succeeds.
   *
   * @throws ProblemException `ONE_TIME_TOKEN_INVALID`
   */
  async redeem(purpose: OneTimePurpose, token: string): Promise<{ userId: string; email: string }> {
    // TypeORM returns the rows of a DELETE and their number.
    const [[row]] = await managerOf(this.source).query<[{ user_id: string; email: string }[], number]>(
      `DELETE FROM auth_one_time_tokens WHERE secret_hash = $1 AND purpose = $2 AND expires_at > now()
        RETURNING user_id, email`,
      [hashToken(token), purpose],
    );
    if (row) return { userId: row.user_id, email: row.email };
    throw new ProblemException('ONE_TIME_TOKEN_INVALID', 'The token is unknown, used or expired. Request a new mail.');
  }

  /** Returns the user id of a token without consuming it. Returns undefined if the token is not valid. */
  async findOwner(purpose: OneTimePurpose, token: string): Promise<string | undefined> {
    const [row] = await this.query<{ user_id: string }>(
      'SELECT user_id FROM auth_one_time_tokens WHERE secret_hash = $1 AND purpose = $2 AND expires_at > now()',
      [hashToken(token), purpose],
    );
    return row?.user_id;
  }

  /** Voids all tokens of a user, or only those of one purpose. */
  async revokeAll(userId: string, purpose?: OneTimePurpose): Promise<void> {
    await this.query('DELETE FROM auth_one_time_tokens WHERE user_id = $1 AND ($2::text IS NULL OR purpose = $2)', [
      userId,
      purpose ?? null,
    ]);
  }

  /** Uses the open transaction, if there is one. */
  private query<T>(sql: string, values: unknown[]): Promise<T[]> {
    return managerOf(this.source).query<T[]>(sql, values);
  }
}

function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
