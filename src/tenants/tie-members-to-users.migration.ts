import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Memberships go with the user. Leave it out where users are in another store than the table `users`. */
export class TieMembersToUsers1795000312000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tenant_members ADD CONSTRAINT tenant_members_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE tenant_members DROP CONSTRAINT tenant_members_user_id_fkey');
  }
}
