import type { QueryRunner } from 'typeorm';
import { MIGRATIONS_TABLE } from './migrations-table.js';

/** Group role of the logins that use the tables without owning them. deploy/postgres/roles.sql creates it. */
export const APPLICATION_ROLE = 'bulwark_application';

/**
 * Grants rights on the rows of every table. The migrations table is read-only. Rows that a trigger named `…_immutable`
 * protects cannot be changed or deleted. Policies for the owner of the tables also apply to the application. The right
 * to run a function is granted by its owner.
 */
const GRANTS = `
DO $$
DECLARE
  place text := quote_ident(current_schema());
  one record;
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %s TO ${APPLICATION_ROLE}', place);
  FOR one IN SELECT c.oid::regclass AS name, c.relkind,
      EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname LIKE '%\\_immutable') AS immutable
    FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'S')
      AND pg_has_role(current_user, c.relowner, 'USAGE')
  LOOP
    IF one.relkind = 'S' THEN
      EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO ${APPLICATION_ROLE}', one.name);
    ELSIF one.name = to_regclass('${MIGRATIONS_TABLE}') THEN
      EXECUTE format('GRANT SELECT ON %s TO ${APPLICATION_ROLE}', one.name);
    ELSIF one.immutable THEN
      EXECUTE format('GRANT SELECT, INSERT ON %s TO ${APPLICATION_ROLE}', one.name);
    ELSE
      EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO ${APPLICATION_ROLE}', one.name);
    END IF;
  END LOOP;
  FOR one IN SELECT p.polname, p.polrelid::regclass AS name
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND p.polroles = ARRAY[c.relowner]
      AND pg_has_role(current_user, c.relowner, 'USAGE')
  LOOP
    EXECUTE format('ALTER POLICY %I ON %s TO CURRENT_USER, ${APPLICATION_ROLE}', one.polname, one.name);
  END LOOP;
  FOR one IN SELECT p.oid::regprocedure AS name, r.rolname AS owner, p.proowner <> r_me.oid AS foreign_owner
    FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner JOIN pg_roles r_me ON r_me.rolname = current_user
    WHERE p.pronamespace = current_schema()::regnamespace AND pg_has_role(current_user, p.proowner, 'MEMBER')
  LOOP
    IF one.foreign_owner THEN EXECUTE format('SET LOCAL ROLE %I', one.owner); END IF;
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO ${APPLICATION_ROLE}', one.name);
    IF one.foreign_owner THEN SET LOCAL ROLE NONE; END IF;
  END LOOP;
END $$`;

/**
 * Grants the application its rights on the tables of the migrating login. Does nothing if the group role does not
 * exist, or if the migrating login is a member of it.
 */
export async function grantToApplication(runner: Pick<QueryRunner, 'query'>): Promise<void> {
  const [row] = (await runner.query(
    `SELECT EXISTS (
       SELECT FROM pg_roles app WHERE app.rolname = $1 AND NOT EXISTS (
         SELECT FROM pg_auth_members m JOIN pg_roles me ON me.oid = m.member
         WHERE m.roleid = app.oid AND me.rolname = current_user)
     ) AS "isSeparate"`,
    [APPLICATION_ROLE],
  )) as { isSeparate: boolean }[];
  if (row?.isSeparate === true) await runner.query(GRANTS);
}
