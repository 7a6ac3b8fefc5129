import type { MigrationInterface, QueryRunner } from 'typeorm';
import { readUserIdType } from '../users/index.js';

class CreateApiKeys1795780004000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE api_keys (
        id           uuid PRIMARY KEY,
        user_id      ${await readUserIdType(runner)} NOT NULL,
        tenant_id    uuid,
        name         text NOT NULL,
        secret_hash  bytea NOT NULL CHECK (length(secret_hash) = 32),
        permissions  text[] NOT NULL,
        created_at   timestamptz NOT NULL,
        expires_at   timestamptz NOT NULL,
        last_used_at timestamptz,
        revoked_at   timestamptz
      )`);
    await runner.query('CREATE INDEX api_keys_user_id_idx ON api_keys (user_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE api_keys');
  }
}

/** Creates the table of API keys. @publicApi */
export const apiKeysMigrations = [CreateApiKeys1795780004000];
