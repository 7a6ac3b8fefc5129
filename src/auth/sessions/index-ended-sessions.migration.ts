import type { MigrationInterface, QueryRunner } from 'typeorm';

/** By them AuthRetention finds what is over. */
export class IndexEndedSessions1795000410000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX auth_sessions_ended_idx ON auth_sessions (LEAST(expires_at, revoked_at))');
    await runner.query('CREATE INDEX auth_one_time_tokens_expires_idx ON auth_one_time_tokens (expires_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX auth_one_time_tokens_expires_idx');
    await runner.query('DROP INDEX auth_sessions_ended_idx');
  }
}
