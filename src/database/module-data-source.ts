import { Inject, type FactoryProvider } from '@nestjs/common';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { handleConnectionErrors } from './database-client.js';
import { poolOf } from './database.health.js';
import { assertTables, DataSourceError, type RequiredTables } from './required-tables.js';

/** An option of every module with tables. @publicApi */
export interface DataSourceOption {
  /**
   * Name of the data source that has the tables, as in `TypeOrmModule.forRoot({ name })`.
   * @default the data source without a name
   */
  dataSource?: string;
}

/**
 * Token of the data source of the module that injects it. Each module with tables provides its own, and none exports it.
 */
export const MODULE_DATA_SOURCE = Symbol('bulwark.moduleDataSource');

/** Injects the data source of the module. */
export const InjectModuleDataSource = () => Inject(MODULE_DATA_SOURCE);

/** What {@link provideDataSource} needs besides the tables that every use of the module needs. */
export interface ProvideDataSourceOptions {
  /** Entities of the module. Data sources with `autoLoadEntities` get them. */
  readonly entities: readonly (new () => object)[];
  /** Tokens that `required` and `check` receive. @default none */
  readonly inject?: FactoryProvider['inject'];
  /** What the data source must have. */
  readonly required: (...injected: never[]) => RequiredTables;
  /** A further check. @throws DataSourceError */
  readonly check?: (source: DataSource, ...injected: never[]) => void;
}

/**
 * Provides the data source of a module, and checks its tables before any provider of the module gets it. So a start
 * without the tables fails with the line to add.
 *
 * @param name name of the data source; undefined for the one without a name
 */
export function provideDataSource(options: ProvideDataSourceOptions, name?: string): FactoryProvider {
  const { entities, inject = [], required, check } = options;
  // @nestjs/typeorm takes the entities of data sources with autoLoadEntities from this call. Its repositories are not used.
  TypeOrmModule.forFeature([...entities], name);
  const label = name === undefined ? 'the data source' : `the data source "${name}"`;
  return {
    provide: MODULE_DATA_SOURCE,
    inject: [{ token: getDataSourceToken(name), optional: true }, ...inject],
    useFactory: async (source: DataSource | undefined, ...injected: never[]): Promise<DataSource> => {
      const tables = required(...injected);
      if (!source) throw missingDataSource(name, label, tables.module);
      await assertTables(source, label, tables);
      check?.(source, ...injected);
      handleConnectionErrors(poolOf(source));
      return source;
    },
  };
}

function missingDataSource(name: string | undefined, label: string, module: string): DataSourceError {
  const line =
    name === undefined
      ? `add DatabaseModule.forRoot({ url, migrations }) or TypeOrmModule.forRoot({ type: 'postgres', autoLoadEntities: true, … }) to the imports of the application, or name a data source: ${module}.forRoot({ dataSource: 'NAME' })`
      : `add TypeOrmModule.forRoot({ name: '${name}', type: 'postgres', autoLoadEntities: true, … }) to the imports of the application`;
  return new DataSourceError(`${module} cannot start: ${label} does not exist`, line);
}
