import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateAuditSeals1795000101000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_seals (
        tenant   text   NOT NULL,
        seq      bigint NOT NULL,
        event_id uuid   NOT NULL UNIQUE,
        hash     bytea  NOT NULL,
        PRIMARY KEY (tenant, seq)
      )`);
    // What waits for its seal, so that nobody has to look for it among all that has one.
    await runner.query(
      'CREATE TABLE audit_unsealed (tenant text NOT NULL, event_id uuid, PRIMARY KEY (tenant, event_id))',
    );
    await runner.query(`INSERT INTO audit_unsealed SELECT coalesce(tenant_id, ''), id FROM audit_events`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE audit_unsealed, audit_seals');
  }
}
