import { Global, Module, type DynamicModule } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { assertDataSourceOfAuth, AUTH_DATA_SOURCE } from '../auth/index.js';
import { AuthorizationGuardModule } from '../authorization/index.js';
import { provideDataSource, type DataSourceOption, type ProvideDataSourceOptions } from '../database/index.js';
import { PeriodicTasksCoreModule } from '../periodic-tasks/index.js';
import { CredentialVerifier } from '../ports/index.js';
import { ApiKeyUses } from './api-key-uses.js';
import { ApiKey } from './api-key.entity.js';
import { ApiKeyVerifier } from './api-key.verifier.js';
import { AdminApiKeysController, ApiKeysController } from './api-keys.controller.js';
import { ApiKeysService } from './api-keys.service.js';
import { apiKeysMigrations } from './create-api-keys.migration.js';

/** Options of {@link ApiKeysModule}. The data source is that of AuthModule. @publicApi */
export type ApiKeysModuleOptions = DataSourceOption;

const STORAGE: ProvideDataSourceOptions = {
  entities: [ApiKey],
  inject: [AUTH_DATA_SOURCE],
  required: () => ({
    module: 'ApiKeysModule',
    entities: [ApiKey],
    tables: [],
    migrations: [{ name: 'apiKeysMigrations', from: 'nest-bulwark/api-keys', classes: apiKeysMigrations }],
  }),
  check: (source, sourceOfAuth: DataSource) => assertDataSourceOfAuth('ApiKeysModule', source, sourceOfAuth),
};

/**
 * API keys for programs. Needs AuthModule. Import the class itself, or `forRoot()` for another data source than the one
 * without a name.
 *
 * @publicApi
 */
@Global()
@Module({
  imports: [AuthorizationGuardModule, PeriodicTasksCoreModule],
  controllers: [ApiKeysController, AdminApiKeysController],
  providers: [
    provideDataSource(STORAGE),
    ApiKeysService,
    ApiKeyUses,
    ApiKeyVerifier,
    { provide: CredentialVerifier, useExisting: ApiKeyVerifier },
  ],
  exports: [ApiKeysService, CredentialVerifier],
})
export class ApiKeysModule {
  static forRoot({ dataSource }: ApiKeysModuleOptions = {}): DynamicModule {
    return { module: ApiKeysModule, providers: [provideDataSource(STORAGE, dataSource)] };
  }
}
