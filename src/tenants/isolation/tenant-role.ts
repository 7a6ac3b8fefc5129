import type { QueryRunner } from 'typeorm';

/** Role of transactions within a tenant, where the login of the application bypasses row-level security. */
export const TENANT_ROLE = 'bulwark_tenant';

/**
 * Creates the role, if the login is a superuser or has BYPASSRLS, because no policy restricts such a login. The role may
 * read and write the rows that the application may, and nothing else. Any other login needs no such role, and may lack
 * the right to create one.
 */
export async function createTenantRole(runner: QueryRunner): Promise<void> {
  const [login] = (await runner.query(
    `SELECT quote_ident(current_schema()) AS schema, rolsuper OR rolbypassrls AS bypasses
     FROM pg_roles WHERE rolname = current_user`,
  )) as { schema: string; bypasses: boolean }[];
  if (!login?.bypasses) return;
  // All databases of a server share its roles: a migration of another database can create it at the same moment.
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
    `GRANT USAGE ON SCHEMA ${login.schema} TO ${TENANT_ROLE}`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${login.schema} TO ${TENANT_ROLE}`,
    `GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA ${login.schema} TO ${TENANT_ROLE}`,
    `ALTER DEFAULT PRIVILEGES IN SCHEMA ${login.schema}
       GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${TENANT_ROLE}`,
    `ALTER DEFAULT PRIVILEGES IN SCHEMA ${login.schema} GRANT USAGE, SELECT ON SEQUENCES TO ${TENANT_ROLE}`,
  ]) {
    await runner.query(statement);
  }
}

/** Revokes what {@link createTenantRole} granted in this database. The role stays: other databases may use it. */
export async function dropTenantGrants(runner: QueryRunner): Promise<void> {
  await runner.query(`
    DO $$
    BEGIN
      IF EXISTS (SELECT FROM pg_roles WHERE rolname = '${TENANT_ROLE}') THEN DROP OWNED BY ${TENANT_ROLE}; END IF;
    END $$`);
}
