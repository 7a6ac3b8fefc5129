import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ExtendAuditEvents1795000100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE audit_events
        ADD COLUMN recorded_at     timestamptz NOT NULL DEFAULT now(),
        ADD COLUMN tenant_id       text,
        ADD COLUMN targets         text[] NOT NULL DEFAULT '{}',
        ADD COLUMN trace_id        text,
        ADD COLUMN idempotency_key text,
        ADD COLUMN schema_version  smallint`);
    await runner.query(`UPDATE audit_events SET targets = ARRAY[target] WHERE target IS NOT NULL`);
    await runner.query(`
      CREATE UNIQUE INDEX audit_events_idempotency_idx ON audit_events (coalesce(tenant_id, ''), idempotency_key)
        WHERE idempotency_key IS NOT NULL`);
    // Pages are read by id, which is as good as by time and unique besides.
    await runner.query('DROP INDEX audit_events_action_idx, audit_events_actor_idx');
    await runner.query('CREATE INDEX audit_events_action_idx ON audit_events (action, id)');
    await runner.query('CREATE INDEX audit_events_actor_idx ON audit_events (actor_id, id)');
    await runner.query('CREATE INDEX audit_events_request_idx ON audit_events (request_id, id)');
    await runner.query('CREATE INDEX audit_events_tenant_idx ON audit_events (tenant_id, id)');
    await runner.query('CREATE INDEX audit_events_targets_idx ON audit_events USING gin (targets)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX audit_events_targets_idx, audit_events_tenant_idx, audit_events_request_idx');
    await runner.query('DROP INDEX audit_events_action_idx, audit_events_actor_idx, audit_events_idempotency_idx');
    await runner.query(`
      ALTER TABLE audit_events
        DROP COLUMN recorded_at, DROP COLUMN tenant_id, DROP COLUMN targets, DROP COLUMN trace_id,
        DROP COLUMN idempotency_key, DROP COLUMN schema_version`);
    await runner.query('CREATE INDEX audit_events_action_idx ON audit_events (action, occurred_at)');
    await runner.query('CREATE INDEX audit_events_actor_idx ON audit_events (actor_id, occurred_at)');
  }
}
