import { Global, Module, type DynamicModule } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { assertDataSourceOfAuth, AUTH_DATA_SOURCE } from '../auth/index.js';
import { AuthorizationGuardModule } from '../authorization/index.js';
import { provideDataSource, type DataSourceOption, type ProvideDataSourceOptions } from '../database/index.js';
import { TenantDirectory } from '../ports/index.js';
import { AdminTenantsController } from './admin-tenants.controller.js';
import { tenantsMigrations } from './create-tenants.migration.js';
import { IsolationState } from './isolation/isolation-state.js';
import { TenantScope } from './isolation/tenant-scope.js';
import { TenantMemberships } from './tenant-memberships.js';
import { Tenant, TenantMember } from './tenant.entity.js';
import { TenantMembersController, TenantsController } from './tenants.controller.js';
import { TenantsService } from './tenants.service.js';

/** Options of {@link TenantsModule}. The data source is that of AuthModule. @publicApi */
export type TenantsModuleOptions = DataSourceOption;

const STORAGE: ProvideDataSourceOptions = {
  entities: [Tenant, TenantMember],
  inject: [AUTH_DATA_SOURCE],
  required: () => ({
    module: 'TenantsModule',
    entities: [Tenant, TenantMember],
    tables: [],
    migrations: [{ name: 'tenantsMigrations', from: 'nest-bulwark/tenants', classes: tenantsMigrations }],
  }),
  check: (source, sourceOfAuth: DataSource) => assertDataSourceOfAuth('TenantsModule', source, sourceOfAuth),
};

/**
 * Tenants, their members, and transactions that PostgreSQL limits to one tenant. Needs AuthModule. Import the class itself,
 * or `forRoot()` for another data source than the one without a name.
 *
 * @publicApi
 */
@Global()
@Module({
  imports: [AuthorizationGuardModule],
  controllers: [TenantsController, TenantMembersController, AdminTenantsController],
  providers: [
    provideDataSource(STORAGE),
    TenantMemberships,
    { provide: TenantDirectory, useExisting: TenantMemberships },
    TenantsService,
    IsolationState,
    TenantScope,
  ],
  exports: [TenantDirectory, TenantsService, TenantScope],
})
export class TenantsModule {
  static forRoot({ dataSource }: TenantsModuleOptions = {}): DynamicModule {
    return { module: TenantsModule, providers: [provideDataSource(STORAGE, dataSource)] };
  }
}
