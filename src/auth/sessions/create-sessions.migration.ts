import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateSessions1795000001000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE auth_sessions (
        id           uuid PRIMARY KEY,
        user_id      uuid NOT NULL,
        refresh_hash bytea NOT NULL,
        created_at   timestamptz NOT NULL,
        last_used_at timestamptz NOT NULL,
        expires_at   timestamptz NOT NULL,
        revoked_at   timestamptz
      )`);
    await runner.query('CREATE INDEX auth_sessions_user_id_idx ON auth_sessions (user_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE auth_sessions');
  }
}
