import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthorizationGuardModule } from '../authorization/index.js';
import { TenantDirectory } from '../ports/index.js';
import { AdminTenantsController } from './admin-tenants.controller.js';
import { IsolationState } from './isolation/isolation-state.js';
import { TenantScope } from './isolation/tenant-scope.js';
import { TenantMemberships } from './tenant-memberships.js';
import { Tenant, TenantMember } from './tenant.entity.js';
import { TenantMembersController, TenantsController } from './tenants.controller.js';
import { TenantsService } from './tenants.service.js';

/**
 * Tenants, their members, and transactions that PostgreSQL limits to one tenant. Needs AuthModule and DatabaseModule. It
 * has no options.
 *
 * @publicApi
 */
@Global()
@Module({
  imports: [AuthorizationGuardModule, TypeOrmModule.forFeature([Tenant, TenantMember])],
  controllers: [TenantsController, TenantMembersController, AdminTenantsController],
  providers: [
    TenantMemberships,
    { provide: TenantDirectory, useExisting: TenantMemberships },
    TenantsService,
    IsolationState,
    TenantScope,
  ],
  exports: [TenantDirectory, TenantsService, TenantScope],
})
export class TenantsModule {}
