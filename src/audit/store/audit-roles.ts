/** Roles without a login. Roles belong to a whole server: databases on it share them and grant to them on their own. */
export const WRITER_ROLE = 'bulwark_audit_writer';
export const READER_ROLE = 'bulwark_audit_reader';
export const AUDITOR_ROLE = 'bulwark_audit_auditor';

/**
 * Creates what is missing, whoever else does so at the same time; a member's grant without inheritance leaves the
 * login's own statements under the policies of the login. SQLSTATE 42501 where the login may not.
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
 * What the roles may do: the writer adds, and sees no more of an event than what tells whether it is new; the reader
 * sees one tenant; the auditor all. `audit_append()` runs as the writer, whoever calls it.
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
  -- A new owner has to be able to create in the schema, for this moment.
  EXECUTE 'GRANT CREATE ON SCHEMA ' || place || ' TO ${WRITER_ROLE}';
  ALTER FUNCTION audit_append(json) OWNER TO ${WRITER_ROLE};
  EXECUTE 'REVOKE CREATE ON SCHEMA ' || place || ' FROM ${WRITER_ROLE}';
  SET LOCAL ROLE ${WRITER_ROLE};
  EXECUTE format('GRANT EXECUTE ON FUNCTION audit_append(json) TO %I', login);
  SET LOCAL ROLE NONE;
END $$`;

/** What the log says where the login may not set the roles up. */
export function rolesAreMissing(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  return (
    `the roles ${WRITER_ROLE}, ${READER_ROLE} and ${AUDITOR_ROLE} cannot be set up (${reason}): audit events are ` +
    'written and read as the login; docs/audit.md has the statements for an administrator of the database'
  );
}
