import { Module, type DynamicModule } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { MODULE_DATA_SOURCE, provideDataSource, type ProvideDataSourceOptions } from '../database/index.js';
import { idempotencyMigrations } from './create-idempotency-keys.migration.js';
import { IDEMPOTENCY_STORE } from './idempotency.options.js';
import { PostgresIdempotencyStore } from './postgres.idempotency-store.js';

const STORAGE: ProvideDataSourceOptions = {
  entities: [],
  required: () => ({
    module: 'IdempotencyModule',
    entities: [],
    tables: ['idempotency_keys'],
    migrations: [{ name: 'idempotencyMigrations', from: 'nest-bulwark/idempotency', classes: idempotencyMigrations }],
  }),
};

/** The store of IdempotencyModule in a data source. It is loaded only there, because it needs TypeORM. */
@Module({})
export class PostgresIdempotencyModule {
  static forRoot(dataSource: string): DynamicModule {
    return {
      module: PostgresIdempotencyModule,
      providers: [
        provideDataSource(STORAGE, dataSource),
        {
          provide: IDEMPOTENCY_STORE,
          inject: [MODULE_DATA_SOURCE],
          useFactory: (source: DataSource) => new PostgresIdempotencyStore(source),
        },
      ],
      exports: [IDEMPOTENCY_STORE],
    };
  }
}
