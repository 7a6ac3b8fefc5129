import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A new token of a purpose does not void the ones before. */
export class AllowSeveralOneTimeTokens1795000500000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE auth_one_time_tokens DROP CONSTRAINT auth_one_time_tokens_newest');
    await runner.query('CREATE INDEX auth_one_time_tokens_user_idx ON auth_one_time_tokens (user_id, purpose)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX auth_one_time_tokens_user_idx');
    await runner.query('DELETE FROM auth_one_time_tokens');
    await runner.query(
      'ALTER TABLE auth_one_time_tokens ADD CONSTRAINT auth_one_time_tokens_newest UNIQUE (user_id, purpose)',
    );
  }
}
