import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateSecondFactors1795000202000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE auth_second_factors (
        user_id       uuid PRIMARY KEY,
        sealed_secret bytea NOT NULL,
        created_at    timestamptz NOT NULL DEFAULT now(),
        confirmed_at  timestamptz,
        last_step     bigint NOT NULL DEFAULT 0
      )`);
    await runner.query(`
      CREATE TABLE auth_recovery_codes (
        user_id   uuid NOT NULL,
        code_hash bytea NOT NULL,
        PRIMARY KEY (user_id, code_hash)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE auth_recovery_codes');
    await runner.query('DROP TABLE auth_second_factors');
  }
}
