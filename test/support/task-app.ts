import { Module, type INestApplicationContext, type ModuleMetadata, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DatabaseModule } from '../../src/database/index.js';
import { periodicTasksMigrations, PeriodicTasksModule } from '../../src/periodic-tasks/index.js';

export interface TaskAppOptions {
  /** If it is missing, the application has no database. */
  url?: string;
  imports?: NonNullable<ModuleMetadata['imports']>;
  migrations?: typeof periodicTasksMigrations;
}

/** One replica with only periodic tasks, the database of the test, and the imports of the test. */
export function startTaskApp(
  providers: Type[],
  { url, imports = [], migrations = periodicTasksMigrations }: TaskAppOptions = {},
): Promise<INestApplicationContext> {
  const database = url === undefined ? [] : [DatabaseModule.forRoot({ url, migrations, poolMin: 0, poolMax: 4 })];

  @Module({ imports: [...database, PeriodicTasksModule.forRoot(), ...imports], providers })
  class ReplicaModule {}

  return NestFactory.createApplicationContext(ReplicaModule, { logger: false, abortOnError: false });
}
