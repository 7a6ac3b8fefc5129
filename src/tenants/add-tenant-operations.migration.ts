import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The operation that made a tenant: a repetition of a request with an idempotency key finds it and makes no second one. */
export class AddTenantOperations1795000315000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE tenants ADD COLUMN operation_id uuid CONSTRAINT tenants_operation_id_key UNIQUE');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE tenants DROP COLUMN operation_id');
  }
}
