import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateAuditFeed1795000110000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_batches (
        position  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        event_ids uuid[] NOT NULL,
        added_at  timestamptz NOT NULL DEFAULT now()
      )`);
    // Runs as who made it, so that a role that may only insert events need not know of this table.
    await runner.query(`
      CREATE FUNCTION audit_note_batch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
      BEGIN
        INSERT INTO audit_batches (event_ids) SELECT array_agg(id ORDER BY id) FROM added HAVING count(*) > 0;
        RETURN NULL;
      END $$`);
    await runner.query(`DO $$ BEGIN
      EXECUTE format('ALTER FUNCTION audit_note_batch() SET search_path = %I, pg_temp', current_schema());
    END $$`);
    await runner.query(`
      CREATE TRIGGER audit_note_batch AFTER INSERT ON audit_events
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION audit_note_batch()`);
    await runner.query(`
      CREATE TABLE audit_sink_positions (
        sink       text PRIMARY KEY,
        position   bigint NOT NULL,
        skipped    bigint NOT NULL DEFAULT 0,
        holder     uuid,
        held_until timestamptz NOT NULL DEFAULT '-infinity'
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER audit_note_batch ON audit_events');
    await runner.query('DROP FUNCTION audit_note_batch()');
    await runner.query('DROP TABLE audit_batches, audit_sink_positions');
  }
}
