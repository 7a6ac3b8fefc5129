import { Module, type DynamicModule } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import {
  MODULE_DATA_SOURCE,
  provideDataSource,
  type DataSourceOption,
  type ProvideDataSourceOptions,
} from '../database/index.js';
import { usersMigrations } from './create-users.migration.js';
import { TypeOrmUserStore } from './typeorm-user.store.js';
import { User } from './user.entity.js';
import { UserStore } from './user.store.js';
import { UsersService } from './users.service.js';

const STORAGE: ProvideDataSourceOptions = {
  entities: [User],
  required: () => ({
    module: 'UsersModule',
    entities: [User],
    tables: [],
    migrations: [{ name: 'usersMigrations', from: 'nest-bulwark/users', classes: usersMigrations }],
  }),
};

/** Users in the table `users`. AuthModule does not need this module: it provides users itself, with any store. @publicApi */
@Module({
  providers: [
    provideDataSource(STORAGE),
    UsersService,
    {
      provide: UserStore,
      inject: [MODULE_DATA_SOURCE],
      useFactory: (source: DataSource) => new TypeOrmUserStore(source),
    },
  ],
  exports: [UsersService, UserStore],
})
export class UsersModule {
  static forRoot({ dataSource }: DataSourceOption = {}): DynamicModule {
    return { module: UsersModule, providers: [provideDataSource(STORAGE, dataSource)] };
  }
}
