import type { MigrationInterface, QueryRunner } from 'typeorm';

class CreateIdempotencyKeys1795780005000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE idempotency_keys (
        id          text PRIMARY KEY,
        fingerprint text NOT NULL,
        owner       text NOT NULL,
        lease_until timestamptz NOT NULL,
        expires_at  timestamptz NOT NULL,
        answer      jsonb
      )`);
    await runner.query('CREATE INDEX idempotency_keys_expires_at_idx ON idempotency_keys (expires_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE idempotency_keys');
  }
}

/** Creates the table of {@link PostgresIdempotencyStore}. @publicApi */
export const idempotencyMigrations = [CreateIdempotencyKeys1795780005000];
