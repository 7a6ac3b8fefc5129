import { Column } from 'typeorm';

/**
 * Base of entities that belong to a tenant. Their table is made by a migration that calls {@link enableTenantIsolation};
 * the start fails where it does not. Rows are read and written through {@link TenantScope}, and get its tenant by default.
 *
 * @publicApi
 */
export abstract class TenantOwned {
  @Column({ type: 'uuid', name: 'tenant_id', insert: false, update: false })
  readonly tenantId!: string;
}

/** Whether a class of entities belongs to tenants. */
export function isTenantOwned(target: unknown): boolean {
  return typeof target === 'function' && target.prototype instanceof TenantOwned;
}
