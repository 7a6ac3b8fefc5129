export { tenantsMigrations } from './create-tenants.migration.js';
export { CurrentTenant } from './current-tenant.decorator.js';
export { TenantIsolationError } from './isolation/tenant-guard.subscriber.js';
export {
  type TenantIsolationOptions,
  type TenantReference,
  addTenantReference,
  disableTenantIsolation,
  enableTenantIsolation,
} from './isolation/tenant-isolation.sql.js';
export { TenantOwned } from './isolation/tenant-owned.entity.js';
export { TenantScope } from './isolation/tenant-scope.js';
export { Tenant, TenantMember } from './tenant.entity.js';
export { AdminTenantView, MemberView, TenantPage, TenantView } from './tenants.dto.js';
export { TenantsModule, type TenantsModuleOptions } from './tenants.module.js';
export { TenantsService } from './tenants.service.js';
