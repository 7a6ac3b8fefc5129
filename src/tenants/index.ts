export { tenantsMigrations } from './create-tenants.migration.js';
export { CurrentTenant } from './current-tenant.decorator.js';
export { TENANT_ROLE } from './isolation/tenant-role.js';
export { TenantIsolationError } from './isolation/tenant-guard.subscriber.js';
export {
  addTenantReference,
  disableTenantIsolation,
  enableTenantIsolation,
  TENANT_SETTING,
  type TenantIsolationOptions,
  type TenantReference,
} from './isolation/tenant-isolation.sql.js';
export { TenantOwned } from './isolation/tenant-owned.entity.js';
export { TenantScope } from './isolation/tenant-scope.js';
export * from './tenant.entity.js';
export * from './tenants.dto.js';
export * from './tenants.module.js';
export { TenantsService } from './tenants.service.js';
