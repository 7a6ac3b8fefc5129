export * from './add-tenant-operations.migration.js';
export * from './create-tenants.migration.js';
export { CurrentTenant } from './current-tenant.decorator.js';
export { CreateTenantRole1795000311000, TENANT_ROLE } from './isolation/create-tenant-role.migration.js';
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
export * from './tie-members-to-users.migration.js';
export { TenantsService } from './tenants.service.js';
