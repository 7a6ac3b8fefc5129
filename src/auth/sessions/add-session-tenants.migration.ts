import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Without a reference to a table of tenants, which is another module's. */
export class AddSessionTenants1795000301000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE auth_sessions ADD COLUMN tenant_id uuid');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE auth_sessions DROP COLUMN tenant_id');
  }
}
