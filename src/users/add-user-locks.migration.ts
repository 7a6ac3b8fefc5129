import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddUserLocks1795000009000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users ADD COLUMN locked_at timestamptz, ADD COLUMN email_verified_at timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users DROP COLUMN locked_at, DROP COLUMN email_verified_at');
  }
}
