import type { MigrationInterface, QueryRunner } from 'typeorm';
import { readUserIdType, referenceUsers } from '../users/index.js';

class CreateAuth1795780001000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const userId = await readUserIdType(runner);
    await this.createSessions(runner, userId);
    await this.createOneTimeTokens(runner, userId);
    await this.createMailOutbox(runner);
    await this.createSecondFactors(runner, userId);
    for (const table of ['auth_sessions', 'auth_one_time_tokens', 'auth_second_factors', 'auth_recovery_codes']) {
      await referenceUsers(runner, table);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE auth_recovery_codes, auth_second_factors, mail_outbox');
    await runner.query('DROP TABLE auth_one_time_tokens, auth_sessions');
  }

  /** `tenant_id` has no foreign key: tenants are a module of their own. */
  private async createSessions(runner: QueryRunner, userId: string): Promise<void> {
    await runner.query(`
      CREATE TABLE auth_sessions (
        id               uuid PRIMARY KEY,
        user_id          ${userId} NOT NULL,
        refresh_hash     bytea NOT NULL,
        created_at       timestamptz NOT NULL,
        last_used_at     timestamptz NOT NULL,
        expires_at       timestamptz NOT NULL,
        revoked_at       timestamptz,
        previous_hash    bytea,
        rotated_by       bytea,
        user_agent       text,
        address          text,
        authenticated_at timestamptz NOT NULL DEFAULT now(),
        methods          text[] NOT NULL DEFAULT '{pwd}',
        tenant_id        uuid
      )`);
    await runner.query('CREATE INDEX auth_sessions_user_id_idx ON auth_sessions (user_id)');
    // AuthRetention finds ended sessions by this index.
    await runner.query('CREATE INDEX auth_sessions_ended_idx ON auth_sessions (LEAST(expires_at, revoked_at))');
  }

  private async createOneTimeTokens(runner: QueryRunner, userId: string): Promise<void> {
    await runner.query(`
      CREATE TABLE auth_one_time_tokens (
        secret_hash bytea PRIMARY KEY,
        user_id     ${userId} NOT NULL,
        purpose     text NOT NULL,
        email       text NOT NULL,
        expires_at  timestamptz NOT NULL
      )`);
    await runner.query('CREATE INDEX auth_one_time_tokens_user_idx ON auth_one_time_tokens (user_id, purpose)');
    await runner.query('CREATE INDEX auth_one_time_tokens_expires_idx ON auth_one_time_tokens (expires_at)');
  }

  private async createMailOutbox(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE mail_outbox (
        id              uuid PRIMARY KEY,
        encrypted_mail  bytea NOT NULL,
        created_at      timestamptz NOT NULL DEFAULT now(),
        attempts        integer NOT NULL DEFAULT 0,
        next_attempt_at timestamptz NOT NULL DEFAULT now(),
        last_error      text
      )`);
    await runner.query('CREATE INDEX mail_outbox_next_attempt_idx ON mail_outbox (next_attempt_at)');
  }

  private async createSecondFactors(runner: QueryRunner, userId: string): Promise<void> {
    await runner.query(`
      CREATE TABLE auth_second_factors (
        user_id          ${userId} PRIMARY KEY,
        encrypted_secret bytea NOT NULL,
        created_at       timestamptz NOT NULL DEFAULT now(),
        confirmed_at     timestamptz,
        last_step        bigint NOT NULL DEFAULT 0
      )`);
    await runner.query(`
      CREATE TABLE auth_recovery_codes (
        user_id   ${userId} NOT NULL,
        code_hash bytea NOT NULL,
        PRIMARY KEY (user_id, code_hash)
      )`);
  }
}

/**
 * Creates the tables of sessions, one-time tokens, waiting mail and second factors.
 *
 * @publicApi
 */
export const authMigrations = [CreateAuth1795780001000];
