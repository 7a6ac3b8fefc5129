import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateAuditEvents1795000002000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_events (
        id          uuid PRIMARY KEY,
        occurred_at timestamptz NOT NULL,
        action      text NOT NULL,
        outcome     text NOT NULL,
        severity    text NOT NULL,
        actor_id    text,
        target      text,
        request_id  text,
        address     text,
        user_agent  text,
        route       text,
        metadata    jsonb NOT NULL
      )`);
    await runner.query('CREATE INDEX audit_events_action_idx ON audit_events (action, occurred_at)');
    await runner.query('CREATE INDEX audit_events_actor_idx ON audit_events (actor_id, occurred_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE audit_events');
  }
}
