import { Logger } from '@nestjs/common';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createAppend, createNoteBatch, CREATE_IMMUTABLE } from './audit-functions.js';
import { CREATE_ROLES, GRANT_TO_ROLES, REVOKE_FROM_ROLES, missingRolesWarning } from './audit-roles.js';

/** Tables whose rows nobody changes. */
const IMMUTABLE = ['audit_events', 'audit_seals', 'audit_checkpoints', 'audit_digests', 'audit_log'];

/** Partitions for rows whose month has no partition. AuditMaintenance creates those of months. */
const DEFAULT_PARTITIONS = ['audit_events_default', 'audit_seals_default'];

/** Tables with rows of tenants, and the column that names the tenant. */
const TENANT_COLUMNS = {
  audit_events: 'tenant_id',
  audit_events_default: 'tenant_id',
  audit_seals: 'tenant',
  audit_seals_default: 'tenant',
  audit_unsealed: 'tenant',
  audit_idempotency: 'tenant',
  audit_checkpoints: 'tenant',
};

class CreateAudit1795780002000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const [{ schema } = { schema: '' }] = (await runner.query('SELECT quote_ident(current_schema()) AS schema')) as {
      schema: string;
    }[];
    await this.createEvents(runner);
    await this.createSeals(runner);
    await this.createDigests(runner);
    await this.createFeed(runner, schema);
    await this.createTriggers(runner);
    await runner.query(createAppend(schema));
    await runner.query('REVOKE EXECUTE ON FUNCTION audit_append(json) FROM PUBLIC');
    await this.createPolicies(runner);
    await this.createRoles(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(REVOKE_FROM_ROLES);
    await runner.query('DROP FUNCTION audit_append(json)');
    await runner.query('DROP TABLE audit_events, audit_idempotency, audit_seals, audit_unsealed');
    await runner.query('DROP TABLE audit_checkpoints, audit_digests, audit_log, audit_batches, audit_sink_positions');
    await runner.query('DROP FUNCTION audit_note_batch(), audit_immutable()');
  }

  /** In partitions by the month of the id. An idempotency key has to be unique across months: it has its own table. */
  private async createEvents(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_events (
        id              uuid PRIMARY KEY,
        occurred_at     timestamptz NOT NULL,
        action          text NOT NULL,
        outcome         text NOT NULL,
        severity        text NOT NULL,
        actor_id        text,
        target          text,
        request_id      text,
        address         text,
        user_agent      text,
        route           text,
        metadata        jsonb NOT NULL,
        recorded_at     timestamptz NOT NULL DEFAULT now(),
        tenant_id       text,
        targets         text[] NOT NULL DEFAULT '{}',
        trace_id        text,
        idempotency_key text,
        schema_version  smallint
      ) PARTITION BY RANGE (id)`);
    await runner.query('CREATE INDEX audit_events_action_idx ON audit_events (action, id)');
    await runner.query('CREATE INDEX audit_events_actor_idx ON audit_events (actor_id, id)');
    await runner.query('CREATE INDEX audit_events_request_idx ON audit_events (request_id, id)');
    await runner.query('CREATE INDEX audit_events_tenant_idx ON audit_events (tenant_id, id)');
    await runner.query('CREATE INDEX audit_events_targets_idx ON audit_events USING gin (targets)');
    await runner.query('CREATE TABLE audit_events_default PARTITION OF audit_events DEFAULT');
    await runner.query(`
      CREATE TABLE audit_idempotency (
        tenant text NOT NULL, key text NOT NULL, event_id uuid NOT NULL, PRIMARY KEY (tenant, key)
      )`);
    await runner.query('CREATE INDEX audit_idempotency_event_idx ON audit_idempotency (event_id)');
  }

  /** Seals, in partitions by the month of sealing, and the events that wait for one. */
  private async createSeals(runner: QueryRunner): Promise<void> {
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
    // Rows stay for seconds: frequent vacuums keep the index small.
    await runner.query(`
      CREATE TABLE audit_unsealed (tenant text NOT NULL, event_id uuid, PRIMARY KEY (tenant, event_id))
        WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000)`);
  }

  /** Checkpoints replace the seals that retention drops. The id in `audit_log` tells this trail from every other. */
  private async createDigests(runner: QueryRunner): Promise<void> {
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
    await runner.query('CREATE TABLE audit_log (id uuid PRIMARY KEY)');
    await runner.query('INSERT INTO audit_log VALUES (gen_random_uuid())');
  }

  /** The order in which events were stored, and how far each sink has read it. */
  private async createFeed(runner: QueryRunner, schema: string): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_batches (
        position  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        event_ids uuid[] NOT NULL,
        added_at  timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE audit_sink_positions (
        sink       text PRIMARY KEY,
        position   bigint NOT NULL,
        skipped    bigint NOT NULL DEFAULT 0,
        holder     uuid,
        held_until timestamptz NOT NULL DEFAULT '-infinity'
      )`);
    await runner.query(createNoteBatch(schema));
    await runner.query(`
      CREATE TRIGGER audit_note_batch AFTER INSERT ON audit_events
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION audit_note_batch()`);
  }

  /** A row trigger of a table holds for its partitions. A TRUNCATE trigger does not: each partition needs its own. */
  private async createTriggers(runner: QueryRunner): Promise<void> {
    await runner.query(CREATE_IMMUTABLE);
    for (const table of IMMUTABLE) {
      await runner.query(`
        CREATE TRIGGER audit_immutable BEFORE UPDATE OR DELETE ON ${table}
          FOR EACH ROW EXECUTE FUNCTION audit_immutable()`);
    }
    for (const table of [...IMMUTABLE, ...DEFAULT_PARTITIONS]) {
      await runner.query(`
        CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON ${table}
          FOR EACH STATEMENT EXECUTE FUNCTION audit_immutable()`);
    }
  }

  /** The login sees the rows of one tenant, or those of all where the code has asked for them. */
  private async createPolicies(runner: QueryRunner): Promise<void> {
    const seesAll = `current_setting('app.audit_scope', true) = 'all'`;
    for (const [table, column] of Object.entries(TENANT_COLUMNS)) {
      await this.enablePolicy(runner, table, `${seesAll} OR ${column} = current_setting('app.tenant_id', true)`);
    }
    await this.enablePolicy(runner, 'audit_digests', seesAll);
  }

  private async enablePolicy(runner: QueryRunner, table: string, condition: string): Promise<void> {
    await runner.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`);
    await runner.query(`CREATE POLICY audit_owner ON ${table} TO CURRENT_USER USING (${condition}) WITH CHECK (true)`);
  }

  /** A login that may not create roles works without them; the policies of the tables hold for it too. */
  private async createRoles(runner: QueryRunner): Promise<void> {
    await runner.query('SAVEPOINT audit_roles');
    try {
      await runner.query(CREATE_ROLES);
      await runner.query(GRANT_TO_ROLES);
    } catch (error) {
      await runner.query('ROLLBACK TO SAVEPOINT audit_roles');
      new Logger('Audit').warn(missingRolesWarning(error));
    }
  }
}

/**
 * Creates the tables of events, seals, digests and sinks, and the roles that read and write events.
 *
 * @publicApi
 */
export const auditMigrations = [CreateAudit1795780002000];
