import { ConfigurableModuleBuilder, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { openDataSource } from './data-source.js';
import { DatabaseLoginHealth, MigrationsHealth } from './database.health.js';
import { databaseSettings, type DatabaseOptions, type DatabaseSettings } from './database.options.js';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<DatabaseOptions>().setClassMethodName('forRoot').build();

const DATABASE_SETTINGS = Symbol('bulwark.databaseSettings');

/** Provides the settings to TypeORM's module, which injects them from its own imports. */
@Module({})
class DatabaseSettingsModule {
  static with(providers: Provider[], imports: DynamicModule['imports']): DynamicModule {
    return {
      module: DatabaseSettingsModule,
      imports: imports ?? [],
      providers: [
        ...providers,
        { provide: DATABASE_SETTINGS, useFactory: databaseSettings, inject: [MODULE_OPTIONS_TOKEN] },
      ],
      exports: [DATABASE_SETTINGS],
    };
  }
}

/**
 * Connects TypeORM to PostgreSQL. It runs the migrations before the application starts, limits connections and
 * statement times, and starts an embedded server if no URL is given. Each module registers its entities with
 * `TypeOrmModule.forFeature`.
 *
 * @publicApi
 */
@Module({})
export class DatabaseModule extends ConfigurableModuleClass {
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    return this.assemble(super.forRoot(options));
  }

  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return this.assemble(super.forRootAsync(options));
  }

  private static assemble({ providers = [], imports }: DynamicModule): DynamicModule {
    return {
      module: DatabaseModule,
      imports: [
        TypeOrmModule.forRootAsync({
          imports: [DatabaseSettingsModule.with(providers, imports)],
          inject: [DATABASE_SETTINGS],
          useFactory: (settings: DatabaseSettings) => ({
            type: 'postgres' as const,
            autoLoadEntities: true,
            // `openDataSource` waits and retries itself, with messages that name the cause.
            toRetry: () => false,
            entities: settings.entities,
            settings,
          }),
          dataSourceFactory: (options) => {
            if (!options) throw new Error('TypeORM passed no options to the data source factory');
            return openDataSource((options as unknown as { settings: DatabaseSettings }).settings, options.entities);
          },
        }),
      ],
      providers: [DatabaseLoginHealth, MigrationsHealth],
      exports: [TypeOrmModule],
    };
  }
}
