import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddSessionClients1795000010000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE auth_sessions
        ADD COLUMN previous_hash bytea,
        ADD COLUMN rotated_by    bytea,
        ADD COLUMN user_agent    text,
        ADD COLUMN address       text`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE auth_sessions
        DROP COLUMN previous_hash, DROP COLUMN rotated_by, DROP COLUMN user_agent, DROP COLUMN address`);
  }
}
