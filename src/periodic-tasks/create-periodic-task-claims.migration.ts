/** What a migration needs of TypeORM's `QueryRunner`, so that the types of this folder do not need TypeORM. */
export interface MigrationRunner {
  query(sql: string): Promise<unknown>;
}

/** Table of the tasks that one replica runs for all. */
class CreatePeriodicTaskClaims1795780006000 {
  async up(runner: MigrationRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE periodic_task_claims (
        name          text PRIMARY KEY,
        holder        uuid,
        started_at    timestamptz NOT NULL,
        claimed_until timestamptz NOT NULL,
        retry_at      timestamptz,
        succeeded_at  timestamptz,
        failures      integer NOT NULL DEFAULT 0
      )`);
  }

  async down(runner: MigrationRunner): Promise<void> {
    await runner.query('DROP TABLE periodic_task_claims');
  }
}

/** Creates the table of the tasks with the scope `cluster`. @publicApi */
export const periodicTasksMigrations = [CreatePeriodicTaskClaims1795780006000];
