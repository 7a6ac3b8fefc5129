import type { MigrationInterface, QueryRunner } from 'typeorm';
import { readUserIdType, referenceUsers } from '../users/index.js';
import { createTenantRole, dropTenantGrants } from './isolation/tenant-role.js';

class CreateTenants1795780003000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // A repeated request with the same idempotency key finds its tenant by `operation_id`.
    await runner.query(`
      CREATE TABLE tenants (
        id           uuid PRIMARY KEY,
        name         text NOT NULL CHECK (name <> ''),
        created_at   timestamptz NOT NULL DEFAULT now(),
        operation_id uuid CONSTRAINT tenants_operation_id_key UNIQUE
      )`);
    await runner.query(`
      CREATE TABLE tenant_members (
        tenant_id  uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        user_id    ${await readUserIdType(runner)} NOT NULL,
        roles      text[] NOT NULL CHECK (cardinality(roles) <= 32 AND array_position(roles, NULL) IS NULL),
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, user_id)
      )`);
    await runner.query('CREATE INDEX tenant_members_user_id_idx ON tenant_members (user_id)');
    await referenceUsers(runner, 'tenant_members');
    await createTenantRole(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await dropTenantGrants(runner);
    await runner.query('DROP TABLE tenant_members, tenants');
  }
}

/**
 * Creates the tables of tenants and their members, and the role of their transactions where the login needs one.
 *
 * @publicApi
 */
export const tenantsMigrations = [CreateTenants1795780003000];
