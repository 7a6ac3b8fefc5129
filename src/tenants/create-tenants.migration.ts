import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateTenants1795000310000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE tenants (
        id         uuid PRIMARY KEY,
        name       text NOT NULL CHECK (name <> ''),
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE tenant_members (
        tenant_id  uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        user_id    uuid NOT NULL,
        roles      text[] NOT NULL CHECK (cardinality(roles) <= 32 AND array_position(roles, NULL) IS NULL),
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, user_id)
      )`);
    await runner.query('CREATE INDEX tenant_members_user_id_idx ON tenant_members (user_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE tenant_members');
    await runner.query('DROP TABLE tenants');
  }
}
