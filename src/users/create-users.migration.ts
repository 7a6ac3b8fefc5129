import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A constraint that only the table of this module has. An application can have a table `users` of its own. */
const OWN_CONSTRAINT = 'users_email_normalised';

class CreateUsers1795780000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Which roles exist is configuration: the application checks them where it assigns them.
    await runner.query(`
      CREATE TABLE users (
        id                uuid PRIMARY KEY,
        email             text NOT NULL,
        name              text NOT NULL,
        password_hash     text NOT NULL,
        roles             text[] NOT NULL CHECK (cardinality(roles) <= 32 AND array_position(roles, NULL) IS NULL),
        created_at        timestamptz NOT NULL DEFAULT now(),
        updated_at        timestamptz NOT NULL DEFAULT now(),
        locked_at         timestamptz,
        email_verified_at timestamptz,
        deactivated_at    timestamptz,
        CONSTRAINT users_email_key UNIQUE (email),
        CONSTRAINT ${OWN_CONSTRAINT} CHECK (email = lower(email))
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE users');
  }
}

/**
 * Creates the table `users`. Leave it out where AuthModule has a user store of its own.
 *
 * @publicApi
 */
export const usersMigrations = [CreateUsers1795780000000];

/**
 * Deletes the rows of a table together with their user, by a foreign key on the column `user_id`. Does nothing where
 * the users are not in the table of this module.
 */
export async function referenceUsers(runner: QueryRunner, table: string): Promise<void> {
  if (!(await hasUsersTable(runner))) return;
  await runner.query(`
    ALTER TABLE ${table} ADD CONSTRAINT ${table}_user_id_fkey
      FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE`);
}

/**
 * The type of columns with the id of a user: `uuid`, or `text` where the users are not in the table of this module, so that
 * their ids can be of any kind.
 */
export async function readUserIdType(runner: QueryRunner): Promise<'uuid' | 'text'> {
  return (await hasUsersTable(runner)) ? 'uuid' : 'text';
}

async function hasUsersTable(runner: QueryRunner): Promise<boolean> {
  const found = (await runner.query(
    `SELECT FROM pg_constraint WHERE conrelid = to_regclass('users') AND conname = '${OWN_CONSTRAINT}'`,
  )) as unknown[];
  return found.length > 0;
}
