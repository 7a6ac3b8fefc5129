import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Role of transactions within a tenant, where the application's own would bypass row-level security. */
export const TENANT_ROLE = 'bulwark_tenant';

/**
 * Makes the role that transactions of tenants run as, where the application logs in as a superuser or with BYPASSRLS,
 * which no policy holds. It may what the application may with rows, and nothing else. Any other login needs no such role,
 * and may lack the right to make one.
 */
export class CreateTenantRole1795000311000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const [login] = (await runner.query(
      `SELECT current_schema() AS schema, rolsuper OR rolbypassrls AS bypasses FROM pg_roles WHERE rolname = current_user`,
    )) as { schema: string; bypasses: boolean }[];
    if (!login?.bypasses) return;
    const schema = `"${login.schema.replaceAll('"', '""')}"`;
    // Roles are shared by all databases of a server: another may have made it, or be about to.
    await runner.query(`
      DO $$
      BEGIN
        CREATE ROLE ${TENANT_ROLE} NOLOGIN;
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
      END $$`);
    await runner.query(`
      DO $$
      BEGIN
        IF NOT pg_has_role(current_user, '${TENANT_ROLE}', 'MEMBER') THEN GRANT ${TENANT_ROLE} TO CURRENT_USER; END IF;
      END $$`);
    for (const statement of [
      `GRANT USAGE ON SCHEMA ${schema} TO ${TENANT_ROLE}`,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${TENANT_ROLE}`,
      `GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA ${schema} TO ${TENANT_ROLE}`,
      `ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${TENANT_ROLE}`,
      `ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT USAGE, SELECT ON SEQUENCES TO ${TENANT_ROLE}`,
    ]) {
      await runner.query(statement);
    }
  }

  /** The role stays: other databases of the server may use it. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DO $$
      BEGIN
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = '${TENANT_ROLE}') THEN DROP OWNED BY ${TENANT_ROLE}; END IF;
      END $$`);
  }
}
