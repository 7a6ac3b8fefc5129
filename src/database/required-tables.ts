import type { DataSource, EntityMetadata } from 'typeorm';
import type { MigrationClass } from './database.options.js';

/**
 * A module cannot use its data source: there is none, it lacks tables, or an option of it does not fit. The message has the
 * line to add.
 *
 * @publicApi
 */
export class DataSourceError extends Error {
  /** `EX_CONFIG` of sysexits.h. */
  readonly exitCode = 78;

  constructor(what: string, remedy: string) {
    super(`${what}.\n  → ${remedy}`);
    this.name = 'DataSourceError';
  }
}

/** A list of migrations that an entry of the package exports. */
export interface ExportedMigrations {
  readonly name: string;
  readonly from: string;
  readonly classes: readonly MigrationClass[];
}

/** What a module needs in its data source. */
export interface RequiredTables {
  /** Name of the module, for messages. */
  readonly module: string;
  /** Tables with an entity. Their columns are checked as well, because an application can have a table of that name. */
  readonly entities: readonly (new () => object)[];
  /** Tables without an entity. */
  readonly tables: readonly string[];
  /** The migrations that create the tables. */
  readonly migrations: readonly ExportedMigrations[];
}

interface TableState {
  readonly name: string;
  readonly isMissing: boolean;
  /** Whether the entity is in another table than the one that SQL statements find by its name. */
  readonly isElsewhere: boolean;
  readonly missingColumns: readonly string[];
}

const READ_STATES = `
  SELECT w.name, to_regclass(w.name) IS NULL AS "isMissing",
    w.path IS NOT NULL AND to_regclass(w.path) IS DISTINCT FROM to_regclass(w.name) AS "isElsewhere",
    ARRAY(
      SELECT c FROM jsonb_array_elements_text(w.columns) AS c WHERE to_regclass(w.name) IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass(w.name) AND a.attname = c AND NOT a.attisdropped)
    ) AS "missingColumns"
  FROM jsonb_to_recordset($1::jsonb) AS w (name text, path text, columns jsonb)`;

/**
 * Checks that the tables of a module exist, by one query. Without it, the application would start and answer 500 to the
 * first request that needs a table.
 *
 * @param label how messages name the data source
 * @throws DataSourceError
 */
export async function assertTables(source: DataSource, label: string, required: RequiredTables): Promise<void> {
  const { module, entities, tables } = required;
  assertConnected(source, label, required);
  const wanted = [
    ...entities.map((entity) => source.getMetadata(entity)).map(describeTable),
    ...tables.map((name) => ({ name, columns: [] })),
  ];
  const states = await source.query<TableState[]>(READ_STATES, [JSON.stringify(wanted)]);
  const elsewhere = states.filter(({ isElsewhere }) => isElsewhere).map(({ name }) => name);
  if (elsewhere.length > 0) {
    throw new DataSourceError(
      `${module} cannot use ${label}: its option schema or entityPrefix gives ${list(elsewhere)} another place than the search path`,
      `remove entityPrefix, and instead of schema: 'app' set extra: { options: '-c search_path=app' }, or give ${module} a data source of its own by the option dataSource`,
    );
  }
  const missing = states.filter(({ isMissing }) => isMissing).map(({ name }) => name);
  if (missing.length > 0) {
    throw new DataSourceError(
      `${module} cannot start: ${label} has no ${missing.length === 1 ? 'table' : 'tables'} ${list(missing)}`,
      explainMigrations(source, required),
    );
  }
  const foreign = states.find(({ missingColumns }) => missingColumns.length > 0);
  if (foreign) {
    throw new DataSourceError(
      `${module} cannot start: the table ${foreign.name} of ${label} has no ${list(foreign.missingColumns)}, so it belongs to the application or to another version`,
      `run the migrations of this version, or give ${module} another data source by the option dataSource` +
        (foreign.name === 'users' ? '; for users in a table of your own, give AuthModule a userStore' : ''),
    );
  }
}

function assertConnected(source: DataSource, label: string, { module, entities }: RequiredTables): void {
  const { type } = source.options;
  if (type !== 'postgres') {
    throw new DataSourceError(
      `${module} cannot use ${label}: it is of the type ${type}, and the module needs PostgreSQL`,
      `add a second one, TypeOrmModule.forRoot({ name: 'bulwark', type: 'postgres', … }), and give ${module} dataSource: 'bulwark'`,
    );
  }
  if (!source.isInitialized) {
    throw new DataSourceError(
      `${module} cannot use ${label}: it is not connected when the application starts`,
      'remove manualInitialization from TypeOrmModule.forRoot()',
    );
  }
  if (entities.some((entity) => !source.hasMetadata(entity))) {
    throw new DataSourceError(
      `${module} cannot use ${label}: it does not know the entities of the module`,
      'add autoLoadEntities: true to TypeOrmModule.forRoot(). Entities that are listed there stay',
    );
  }
}

function describeTable({ tableName, tablePath, columns, givenTableName }: EntityMetadata) {
  return {
    name: givenTableName ?? tableName,
    path: tablePath
      .split('.')
      .map((part) => `"${part}"`)
      .join('.'),
    columns: columns.map(({ databaseName }) => databaseName),
  };
}

function explainMigrations(source: DataSource, { migrations }: RequiredTables): string {
  const known = new Set(source.migrations.map(({ constructor }) => constructor.name));
  if (migrations.every(({ classes }) => classes.every(({ name }) => known.has(name)))) {
    return (
      'the migrations are in the list of the data source and have not run: set migrationsRun: true, or run ' +
      'npx typeorm migration:run --dataSource FILE before the start'
    );
  }
  const line = migrations.map(({ name }) => `...${name}`).join(', ');
  const imports = migrations.map(({ name, from }) => `${name} of ${from}`).join(', ');
  return (
    `add migrations: [${line}] to DatabaseModule.forRoot(), or to TypeOrmModule.forRoot() with migrationsRun: true ` +
    `(${imports}; the list migrations of nest-bulwark has all of them). Without migrationsRun, run ` +
    'npx typeorm migration:run --dataSource FILE before the start'
  );
}

function list(names: readonly string[]): string {
  return names.join(', ');
}
