-- Creates the roles of the application in the current database. Run it as a superuser, in the database of the application:
--
--   bulwark_owner        login that runs migrations. It owns the database and all tables.
--   bulwark_app          login of the application. It may read and write rows, and nothing else.
--   bulwark_application  group of such logins. Every migration grants it the permissions that the application needs.
--
-- The passwords come from the settings bulwark.owner_password and bulwark.app_password. A second run sets the passwords
-- again and changes nothing else.
DO $$
DECLARE
  owner_password text := current_setting('bulwark.owner_password');
  app_password text := current_setting('bulwark.app_password');
  name text;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bulwark_owner') THEN CREATE ROLE bulwark_owner; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bulwark_app') THEN CREATE ROLE bulwark_app; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bulwark_application') THEN CREATE ROLE bulwark_application; END IF;
  ALTER ROLE bulwark_application NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
  EXECUTE format('ALTER ROLE bulwark_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD %L', owner_password);
  EXECUTE format('ALTER ROLE bulwark_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD %L', app_password);
  GRANT bulwark_application TO bulwark_app;

  EXECUTE format('ALTER DATABASE %I OWNER TO bulwark_owner', current_database());
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO bulwark_application', current_database());
  ALTER SCHEMA public OWNER TO bulwark_owner;
  -- PostgreSQL 14 and older allow every role to create tables there.
  REVOKE ALL ON SCHEMA public FROM PUBLIC;
  GRANT USAGE ON SCHEMA public TO bulwark_application;

  -- Roles of the audit trail (docs/audit.md). Memberships without inheritance need PostgreSQL 16.
  IF current_setting('server_version_num')::int >= 160000 THEN
    FOREACH name IN ARRAY ARRAY['bulwark_audit_writer', 'bulwark_audit_reader', 'bulwark_audit_auditor'] LOOP
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN EXECUTE format('CREATE ROLE %I NOLOGIN', name); END IF;
      EXECUTE format('GRANT %I TO bulwark_owner WITH INHERIT FALSE, SET TRUE', name);
    END LOOP;
    EXECUTE 'GRANT bulwark_audit_reader, bulwark_audit_auditor TO bulwark_application WITH INHERIT FALSE, SET TRUE';
  END IF;
END $$;
