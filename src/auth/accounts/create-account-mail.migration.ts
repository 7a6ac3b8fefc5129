import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateAccountMail1795000011000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE auth_one_time_tokens (
        secret_hash bytea PRIMARY KEY,
        user_id     uuid NOT NULL,
        purpose     text NOT NULL,
        email       text NOT NULL,
        expires_at  timestamptz NOT NULL,
        CONSTRAINT auth_one_time_tokens_newest UNIQUE (user_id, purpose)
      )`);
    await runner.query(`
      CREATE TABLE mail_outbox (
        id              uuid PRIMARY KEY,
        sealed          bytea NOT NULL,
        created_at      timestamptz NOT NULL DEFAULT now(),
        attempts        integer NOT NULL DEFAULT 0,
        next_attempt_at timestamptz NOT NULL DEFAULT now(),
        last_error      text
      )`);
    await runner.query('CREATE INDEX mail_outbox_next_attempt_idx ON mail_outbox (next_attempt_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE mail_outbox');
    await runner.query('DROP TABLE auth_one_time_tokens');
  }
}
