import { Logger } from '@nestjs/common';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { CREATE_ROLES, GRANT_TO_ROLES, rolesAreMissing } from './audit-roles.js';

const COLUMNS = `id, occurred_at, action, outcome, severity, actor_id, tenant_id, target, targets, request_id, trace_id,
  address, user_agent, route, idempotency_key, schema_version, metadata`;

/** What the login sees: one tenant, or all of them where the code has asked for it. */
const scope = (column: string) =>
  `current_setting('app.audit_scope', true) = 'all' OR ${column} = current_setting('app.tenant_id', true)`;

/** Tables with rows of tenants, and where each says whose. */
const TENANT_COLUMNS = {
  audit_events: 'tenant_id',
  audit_seals: 'tenant',
  audit_unsealed: 'tenant',
  audit_idempotency: 'tenant',
  audit_checkpoints: 'tenant',
};

/**
 * Events by month of their id, seals by month of sealing, rows that nobody changes, and rows that a tenant does not see
 * of another. Events that are there become the first partition as they stand: nothing is copied. They are sealed anew,
 * because a seal now covers the hash of its event, which stays when the event is dropped.
 */
export class PartitionAuditEvents1795000112000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE audit_seals');
    await runner.query('TRUNCATE audit_unsealed');
    await this.partitionEvents(runner);
    await this.noteBatches(runner);
    await this.createTables(runner);
    await this.createTriggers(runner);
    await this.createAppend(runner);
    await this.closeTables(runner);
    await this.createRoles(runner);
    await runner.query(`INSERT INTO audit_unsealed SELECT coalesce(tenant_id, ''), id FROM audit_events`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION audit_append(json)');
    await runner.query('CREATE TABLE audit_events_one (LIKE audit_events INCLUDING DEFAULTS)');
    await runner.query(`SELECT set_config('app.audit_scope', 'all', true)`);
    await runner.query('INSERT INTO audit_events_one SELECT * FROM audit_events');
    await runner.query('TRUNCATE audit_unsealed');
    await runner.query('DROP TABLE audit_events, audit_seals, audit_checkpoints, audit_digests, audit_log');
    await runner.query('DROP TABLE audit_idempotency');
    await runner.query('DROP FUNCTION audit_immutable()');
    await runner.query('DROP POLICY audit_owner ON audit_unsealed');
    await runner.query('DROP POLICY IF EXISTS audit_writer_adds ON audit_unsealed');
    await runner.query('ALTER TABLE audit_unsealed NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY');
    await runner.query('ALTER TABLE audit_events_one RENAME TO audit_events');
    await runner.query('ALTER TABLE audit_events ADD PRIMARY KEY (id)');
    await this.createIndexes(runner);
    await this.noteBatches(runner);
    await runner.query(`
      CREATE UNIQUE INDEX audit_events_idempotency_idx ON audit_events (coalesce(tenant_id, ''), idempotency_key)
        WHERE idempotency_key IS NOT NULL`);
    await runner.query(`
      CREATE TABLE audit_seals (
        tenant text NOT NULL, seq bigint NOT NULL, event_id uuid NOT NULL UNIQUE, hash bytea NOT NULL,
        PRIMARY KEY (tenant, seq)
      )`);
    await runner.query(`INSERT INTO audit_unsealed SELECT coalesce(tenant_id, ''), id FROM audit_events`);
  }

  private async partitionEvents(runner: QueryRunner): Promise<void> {
    const [first] = (await runner.query(`
      SELECT to_char(next, 'YYYY_MM') AS name, lpad(to_hex((extract(epoch FROM next) * 1000)::bigint), 12, '0') AS hex
      FROM (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month' AS next) AS month
      WHERE EXISTS (SELECT FROM audit_events)`)) as { name: string; hex: string }[];
    await runner.query('DROP INDEX audit_events_idempotency_idx');
    for (const index of ['pkey', 'action_idx', 'actor_idx', 'request_idx', 'tenant_idx', 'targets_idx']) {
      await runner.query(`ALTER INDEX audit_events_${index} RENAME TO audit_events_before_${index}`);
    }
    await runner.query('ALTER TABLE audit_events RENAME TO audit_events_before');
    await runner.query(
      'CREATE TABLE audit_events (LIKE audit_events_before INCLUDING DEFAULTS) PARTITION BY RANGE (id)',
    );
    await runner.query('ALTER TABLE audit_events ADD PRIMARY KEY (id)');
    await this.createIndexes(runner);
    // An event whose month has no partition is kept nevertheless.
    await runner.query('CREATE TABLE audit_events_default PARTITION OF audit_events DEFAULT');
    await runner.query(`
      CREATE TABLE audit_idempotency (
        tenant text NOT NULL, key text NOT NULL, event_id uuid NOT NULL, PRIMARY KEY (tenant, key)
      )`);
    await runner.query('CREATE INDEX audit_idempotency_event_idx ON audit_idempotency (event_id)');
    if (first === undefined) return void (await runner.query('DROP TABLE audit_events_before'));
    await runner.query(`
      INSERT INTO audit_idempotency SELECT coalesce(tenant_id, ''), idempotency_key, id FROM audit_events_before
      WHERE idempotency_key IS NOT NULL`);
    const bound = `${first.hex.slice(0, 8)}-${first.hex.slice(8)}-0000-0000-000000000000`;
    await runner.query(`
      WITH moved AS (DELETE FROM audit_events_before WHERE id >= '${bound}' RETURNING *)
      INSERT INTO audit_events SELECT * FROM moved`);
    await runner.query(`ALTER TABLE audit_events_before RENAME TO audit_events_until_${first.name}`);
    await runner.query(`
      ALTER TABLE audit_events ATTACH PARTITION audit_events_until_${first.name}
        FOR VALUES FROM (MINVALUE) TO ('${bound}')`);
  }

  /** For the feed: not before the rows are where they belong, because they are no news. */
  private async noteBatches(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TRIGGER audit_note_batch AFTER INSERT ON audit_events
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION audit_note_batch()`);
  }

  private async createIndexes(runner: QueryRunner): Promise<void> {
    for (const column of ['action', 'actor_id', 'request_id', 'tenant_id']) {
      const name = `audit_events_${column.replace('_id', '')}_idx`;
      await runner.query(`CREATE INDEX ${name} ON audit_events (${column}, id)`);
    }
    await runner.query('CREATE INDEX audit_events_targets_idx ON audit_events USING gin (targets)');
  }

  private async createTables(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_seals (
        tenant    text        NOT NULL,
        seq       bigint      NOT NULL,
        event_id  uuid        NOT NULL,
        leaf      bytea       NOT NULL,
        hash      bytea       NOT NULL,
        key_id    text        NOT NULL,
        sealed_at timestamptz NOT NULL,
        root      bytea,
        frontier  bytea,
        PRIMARY KEY (tenant, seq, sealed_at)
      ) PARTITION BY RANGE (sealed_at)`);
    await runner.query('CREATE INDEX audit_seals_event_idx ON audit_seals (event_id)');
    await runner.query('CREATE TABLE audit_seals_default PARTITION OF audit_seals DEFAULT');
    // What stands in for the seals that retention has dropped.
    await runner.query(`
      CREATE TABLE audit_checkpoints (
        tenant         text        NOT NULL,
        dropped_before uuid        NOT NULL,
        seq            bigint      NOT NULL,
        hash           bytea       NOT NULL,
        root           bytea       NOT NULL,
        frontier       bytea       NOT NULL,
        sealed_at      timestamptz,
        made_at        timestamptz NOT NULL,
        key_id         text        NOT NULL,
        signature      text        NOT NULL,
        PRIMARY KEY (tenant, dropped_before, seq)
      )`);
    await runner.query(`
      CREATE TABLE audit_digests (
        seq bigint PRIMARY KEY, made_at timestamptz NOT NULL, hash text NOT NULL, line text NOT NULL
      )`);
    // Tells this trail from every other whose digests are kept in the same place.
    await runner.query('CREATE TABLE audit_log (id uuid PRIMARY KEY)');
    await runner.query('INSERT INTO audit_log VALUES (gen_random_uuid())');
    // A queue: what has left it is to be gone from the index soon.
    await runner.query(
      'ALTER TABLE audit_unsealed SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000)',
    );
  }

  /** Row by row, a trigger of the whole table stands on each partition; against TRUNCATE each needs its own. */
  private async createTriggers(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION audit_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'rows of % are never changed or removed; retention drops whole partitions', TG_TABLE_NAME
          USING ERRCODE = 'insufficient_privilege';
      END $$`);
    for (const table of ['audit_events', 'audit_seals', 'audit_checkpoints', 'audit_digests', 'audit_log']) {
      await runner.query(`
        CREATE TRIGGER audit_immutable BEFORE UPDATE OR DELETE ON ${table}
          FOR EACH ROW EXECUTE FUNCTION audit_immutable()`);
    }
    const partitions = (await runner.query(`
      SELECT inhrelid::regclass::text AS name FROM pg_inherits
      WHERE inhparent IN ('audit_events'::regclass, 'audit_seals'::regclass)`)) as { name: string }[];
    const names = partitions.map(({ name }) => name);
    for (const table of [...names, 'audit_events', 'audit_seals', 'audit_checkpoints', 'audit_digests', 'audit_log']) {
      await runner.query(`
        CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON ${table}
          FOR EACH STATEMENT EXECUTE FUNCTION audit_immutable()`);
    }
    for (const name of names) await this.close(runner, name, name.startsWith('audit_events') ? 'tenant_id' : 'tenant');
  }

  /**
   * The one way in. It runs as its owner, who may insert and no more, so that not even the application's own login, by
   * this way, changes anything; and one call plans its statement once a session.
   */
  private async createAppend(runner: QueryRunner): Promise<void> {
    const [{ place } = { place: '' }] = (await runner.query('SELECT quote_ident(current_schema()) AS place')) as {
      place: string;
    }[];
    await runner.query(`
      CREATE FUNCTION audit_append(batch json) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
      SET search_path = ${place}, pg_temp AS $$
      DECLARE scope text := current_setting('app.audit_scope', true);
      BEGIN
        PERFORM set_config('app.audit_scope', 'all', true);
        WITH event AS (
          SELECT * FROM json_to_recordset(batch) AS event(
            id uuid, occurred_at timestamptz, action text, outcome text, severity text, actor_id text, tenant_id text,
            target text, targets text[], request_id text, trace_id text, address text, user_agent text, route text,
            idempotency_key text, schema_version smallint, metadata jsonb)
        ), keyed AS (
          INSERT INTO audit_idempotency (tenant, key, event_id)
          SELECT coalesce(tenant_id, ''), idempotency_key, id FROM event WHERE idempotency_key IS NOT NULL ORDER BY 1, 2, 3
          ON CONFLICT DO NOTHING RETURNING event_id
        ), inserted AS (
          INSERT INTO audit_events (${COLUMNS})
          SELECT ${COLUMNS} FROM event
          WHERE idempotency_key IS NULL OR id IN (SELECT event_id FROM keyed)
          ON CONFLICT DO NOTHING RETURNING id, tenant_id
        )
        INSERT INTO audit_unsealed (tenant, event_id) SELECT coalesce(tenant_id, ''), id FROM inserted;
        PERFORM set_config('app.audit_scope', scope, true);
      END $$`);
    await runner.query('REVOKE EXECUTE ON FUNCTION audit_append(json) FROM PUBLIC');
  }

  private async closeTables(runner: QueryRunner): Promise<void> {
    for (const [table, column] of Object.entries(TENANT_COLUMNS)) await this.close(runner, table, column);
    await runner.query('ALTER TABLE audit_digests ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY');
    await runner.query(`
      CREATE POLICY audit_owner ON audit_digests TO CURRENT_USER
        USING (current_setting('app.audit_scope', true) = 'all') WITH CHECK (true)`);
    await runner.query(`SELECT set_config('app.audit_scope', 'all', true)`);
  }

  private async close(runner: QueryRunner, table: string, column: string): Promise<void> {
    await runner.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`);
    await runner.query(
      `CREATE POLICY audit_owner ON ${table} TO CURRENT_USER USING (${scope(column)}) WITH CHECK (true)`,
    );
  }

  /** A login that may not create roles goes without; the tables' policies hold for it all the same. */
  private async createRoles(runner: QueryRunner): Promise<void> {
    await runner.query('SAVEPOINT audit_roles');
    try {
      await runner.query(CREATE_ROLES);
      await runner.query(GRANT_TO_ROLES);
    } catch (error) {
      await runner.query('ROLLBACK TO SAVEPOINT audit_roles');
      new Logger('Audit').warn(rolesAreMissing(error));
    }
  }
}
