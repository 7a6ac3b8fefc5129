/** Roles without a login. All databases of a server share its roles, and each database grants them its own rights. */
export const WRITER_ROLE = 'bulwark_audit_writer';
export const READER_ROLE = 'bulwark_audit_reader';
export const AUDITOR_ROLE = 'bulwark_audit_auditor';

/**
 * Creates the roles that are missing; another database may create them at the same time. The login becomes a member
 * without inheritance, so that its own statements stay under the policies of the login. Fails with SQLSTATE 42501 where
 * the login may not create roles.
 */
export const CREATE_ROLES = `
DO $$
DECLARE
  name text;
  login text := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'audit_events'::regclass);
BEGIN
  FOREACH name IN ARRAY ARRAY['${WRITER_ROLE}', '${READER_ROLE}', '${AUDITOR_ROLE}'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', name);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
      END;
    END IF;
    IF NOT pg_has_role(login, name, 'SET') THEN
      EXECUTE format('GRANT %I TO %I WITH INHERIT FALSE, SET TRUE', name, login);
    END IF;
  END LOOP;
END $$;`;

/**
 * The writer adds events, and reads only the columns that say whether an event is new. The reader reads one tenant, the
 * auditor all tenants. `audit_append()` always runs as the writer.
 */
export const GRANT_TO_ROLES = `
DO $$
DECLARE
  place text := quote_ident(current_schema());
  login text := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'audit_events'::regclass);
BEGIN
  EXECUTE 'GRANT USAGE ON SCHEMA ' || place || ' TO ${WRITER_ROLE}, ${READER_ROLE}, ${AUDITOR_ROLE}';
  GRANT INSERT, SELECT (id, tenant_id) ON audit_events TO ${WRITER_ROLE};
  GRANT INSERT, SELECT (event_id) ON audit_idempotency TO ${WRITER_ROLE};
  GRANT INSERT ON audit_unsealed TO ${WRITER_ROLE};
  CREATE POLICY audit_writer_reads ON audit_events FOR SELECT TO ${WRITER_ROLE} USING (true);
  CREATE POLICY audit_writer_reads ON audit_idempotency FOR SELECT TO ${WRITER_ROLE} USING (true);
  CREATE POLICY audit_writer_adds ON audit_events FOR INSERT TO ${WRITER_ROLE} WITH CHECK (true);
  CREATE POLICY audit_writer_adds ON audit_idempotency FOR INSERT TO ${WRITER_ROLE} WITH CHECK (true);
  CREATE POLICY audit_writer_adds ON audit_unsealed FOR INSERT TO ${WRITER_ROLE} WITH CHECK (true);
  GRANT SELECT ON audit_events, audit_seals TO ${READER_ROLE}, ${AUDITOR_ROLE};
  CREATE POLICY audit_reader ON audit_events FOR SELECT TO ${READER_ROLE}
    USING (tenant_id = current_setting('app.tenant_id', true));
  CREATE POLICY audit_reader ON audit_seals FOR SELECT TO ${READER_ROLE}
    USING (tenant = current_setting('app.tenant_id', true));
  CREATE POLICY audit_auditor ON audit_events FOR SELECT TO ${AUDITOR_ROLE} USING (true);
  CREATE POLICY audit_auditor ON audit_seals FOR SELECT TO ${AUDITOR_ROLE} USING (true);
  -- ALTER FUNCTION … OWNER needs the right to create in the schema.
  EXECUTE 'GRANT CREATE ON SCHEMA ' || place || ' TO ${WRITER_ROLE}';
  ALTER FUNCTION audit_append(json) OWNER TO ${WRITER_ROLE};
  EXECUTE 'REVOKE CREATE ON SCHEMA ' || place || ' FROM ${WRITER_ROLE}';
  SET LOCAL ROLE ${WRITER_ROLE};
  EXECUTE format('GRANT EXECUTE ON FUNCTION audit_append(json) TO %I', login);
  SET LOCAL ROLE NONE;
END $$`;

/** The roles stay: other databases of the server may use them. */
export const REVOKE_FROM_ROLES = `
DO $$
DECLARE name text;
BEGIN
  FOR name IN SELECT rolname FROM pg_roles WHERE rolname IN ('${WRITER_ROLE}', '${READER_ROLE}', '${AUDITOR_ROLE}') LOOP
    EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM %I', current_schema(), name);
  END LOOP;
END $$`;

/** The log warning if the login may not create the roles. */
export function missingRolesWarning(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  return (
    `the roles ${WRITER_ROLE}, ${READER_ROLE} and ${AUDITOR_ROLE} cannot be created (${reason}): audit events are ` +
    'written and read as the login; docs/audit.md has the statements for an administrator of the database'
  );
}
