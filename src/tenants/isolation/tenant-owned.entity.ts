import { Column } from 'typeorm';

/**
 * Base class of entities that belong to a tenant. The migration of the table must call {@link enableTenantIsolation};
 * otherwise the start fails. Read and write rows through {@link TenantScope}. New rows get the tenant of the scope.
 *
 * @publicApi
 */
export abstract class TenantOwned {
  @Column({ type: 'uuid', name: 'tenant_id', insert: false, update: false })
  readonly tenantId!: string;
}

/** Whether an entity class extends {@link TenantOwned}. */
export function isTenantOwned(target: unknown): boolean {
  return typeof target === 'function' && target.prototype instanceof TenantOwned;
}
