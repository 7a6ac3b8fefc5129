import { DataSource, MigrationExecutor, type DataSourceOptions } from 'typeorm';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { auditMigrations } from '../../src/audit/index.js';
import { authMigrations } from '../../src/auth/index.js';
import { databaseSettings, migrate, MIGRATIONS_TABLE } from '../../src/database/index.js';
import { migrations } from '../../src/migrations.js';
import { tenantsMigrations } from '../../src/tenants/index.js';
import { usersMigrations } from '../../src/users/index.js';
import { built } from '../support/built.js';
import { freshDatabase, query } from '../support/database.js';
import { testFolder } from '../support/folder.js';
import { TestApp } from '../support/harness.js';
import { Program } from '../support/program.js';

type Migrations = typeof migrations;

let url: string;
beforeEach(async () => (url = await freshDatabase()));

const running: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
});

const run = (list: Migrations) => migrate(url, databaseSettings({ url, migrations: list }));

async function open(list: Migrations): Promise<DataSource> {
  const options = { type: 'postgres', url, migrations: list, migrationsTableName: MIGRATIONS_TABLE } as const;
  const source = await new DataSource({ ...options, installExtensions: false } as DataSourceOptions).initialize();
  running.push({ stop: () => source.destroy() });
  return source;
}

/** Tables, functions, policies and rights of the schema, except the table of migrations. */
async function contents() {
  const { rows } = await query(
    url,
    `SELECT
       (SELECT array_agg(relname::text ORDER BY 1) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> $1) AS relations,
       (SELECT array_agg(proname::text ORDER BY 1) FROM pg_proc WHERE pronamespace = 'public'::regnamespace) AS functions,
       (SELECT array_agg(polname::text ORDER BY 1) FROM pg_policy) AS policies,
       (SELECT array_agg(right_on::text ORDER BY 1) FROM pg_namespace, unnest(nspacl) AS right_on
        WHERE nspname = 'public') AS rights,
       (SELECT array_agg(defaclacl::text ORDER BY 1) FROM pg_default_acl) AS default_rights`,
    [MIGRATIONS_TABLE],
  );
  return rows[0] as Record<'relations' | 'functions' | 'policies' | 'rights' | 'default_rights', string[] | null>;
}

async function referencesToUsers(): Promise<string[]> {
  const { rows } = await query(
    url,
    `SELECT conname AS name FROM pg_constraint WHERE contype = 'f' AND conname LIKE '%user_id_fkey' ORDER BY 1`,
  );
  return rows.map(({ name }) => name as string);
}

describe('the migrations', () => {
  it('remove everything that they created when they are reverted', async () => {
    const before = await contents();
    await run(migrations);
    const after = await contents();
    expect(after.relations).toContain('audit_events');
    expect([after.functions?.length, after.policies?.length]).toEqual([3, expect.any(Number)]);
    const executor = new MigrationExecutor(await open(migrations));
    for (const _ of migrations) await executor.undoLastMigration();
    expect(await contents()).toEqual(before);
    expect(await run(migrations)).toEqual(migrations.map(({ name }) => name));
    expect(await contents()).toEqual(after);
  });

  it.each<[string, Migrations]>([
    ['users', usersMigrations],
    ['auth', authMigrations],
    ['audit', auditMigrations],
    ['tenants', tenantsMigrations],
  ])('of %s run without those of other modules', async (_module, list) => {
    expect(await run(list)).toHaveLength(1);
  });

  it('delete the data of a user together with the user', async () => {
    await run(migrations);
    expect(await referencesToUsers()).toEqual([
      'auth_one_time_tokens_user_id_fkey',
      'auth_recovery_codes_user_id_fkey',
      'auth_second_factors_user_id_fkey',
      'auth_sessions_user_id_fkey',
      'tenant_members_user_id_fkey',
    ]);
  });

  it('do not change a table "users" that belongs to the application', async () => {
    await query(url, 'CREATE TABLE users (id bigint PRIMARY KEY)');
    await run([...authMigrations, ...tenantsMigrations]);
    expect(await referencesToUsers()).toEqual([]);
  });
});

describe('the entities', () => {
  it('have the same columns and types as the tables', async () => {
    const app = await TestApp.start();
    running.push(app);
    const source = app.app.get(DataSource);
    // TypeORM never changes the tables of the suite, neither for `synchronize` nor for `migration:generate`.
    expect(await differences(source)).toEqual([]);
    expect(source.entityMetadatas.map(({ tableName }) => tableName).toSorted()).toEqual([
      'api_keys',
      'audit_events',
      'auth_sessions',
      'tenant_members',
      'tenants',
      'users',
    ]);
    for (const metadata of source.entityMetadatas) metadata.synchronize = true;
    // Only the migrations define constraints, indexes and defaults.
    const undeclared = /DROP (?:CONSTRAINT|INDEX|DEFAULT)\b/;
    expect((await differences(source)).filter((statement) => !undeclared.test(statement))).toEqual([]);
  });
});

/** The statements that TypeORM would run to make the tables match the entities. */
async function differences(source: DataSource): Promise<string[]> {
  const { upQueries } = await source.driver.createSchemaBuilder().log();
  return upQueries.map(({ query: statement }) => statement);
}

describe('a database of earlier migrations', () => {
  beforeAll(built);

  it.each(['main.js', 'cli/main.js migrate'])('stops %s with the cause and the remedy', async (script) => {
    await run(migrations);
    await query(url, `UPDATE ${MIGRATIONS_TABLE} SET name = 'CreateUsers1795000000000'`);
    const folder = await testFolder();
    const env = { NODE_ENV: 'test', PORT: '0', JWT_SECRET: 'x'.repeat(64), DATABASE_URL: url };
    const program = new Program(script, env, folder.path);
    running.push({
      stop: async () => {
        program.kill('SIGKILL');
        await program.ends();
        await folder.stop();
      },
    });
    expect(await program.ends()).toBe(69);
    expect(program.output).toContain('relation "users" already exists. It was migrated by an earlier version');
    expect(program.output).toContain('delete the folder of the embedded database (DATA_DIR, .data)');
  });
});
