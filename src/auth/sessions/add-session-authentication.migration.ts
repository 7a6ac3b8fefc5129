import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddSessionAuthentication1795000201000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE auth_sessions
        ADD COLUMN authenticated_at timestamptz NOT NULL DEFAULT now(),
        ADD COLUMN methods          text[]      NOT NULL DEFAULT '{pwd}'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE auth_sessions DROP COLUMN authenticated_at, DROP COLUMN methods');
  }
}
