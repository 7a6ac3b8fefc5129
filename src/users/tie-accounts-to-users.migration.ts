import type { MigrationInterface, QueryRunner } from 'typeorm';

const TABLES = ['auth_sessions', 'auth_one_time_tokens', 'auth_second_factors', 'auth_recovery_codes'];

/**
 * What belongs to a user goes with the user. It stands here and not with those tables, so that they can be had without
 * the table `users`, by an application whose users are elsewhere.
 */
export class TieAccountsToUsers1795000209000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const table of TABLES) {
      const name = `${table}_user_id_fkey`;
      // Earlier versions had some of them from the beginning.
      await runner.query(`ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${name}`);
      await runner.query(
        `ALTER TABLE ${table} ADD CONSTRAINT ${name} FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE`,
      );
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of TABLES) await runner.query(`ALTER TABLE ${table} DROP CONSTRAINT ${table}_user_id_fkey`);
  }
}
