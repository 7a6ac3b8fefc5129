import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which roles there are is said by the configuration, and checked where roles are given. */
export class AllowConfiguredRoles1795000300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE users DROP CONSTRAINT users_roles_check,
        ADD CONSTRAINT users_roles_check CHECK (cardinality(roles) <= 32 AND array_position(roles, NULL) IS NULL)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE users DROP CONSTRAINT users_roles_check,
        ADD CONSTRAINT users_roles_check CHECK (roles <@ ARRAY['Admin', 'Developer', 'User'])`);
  }
}
