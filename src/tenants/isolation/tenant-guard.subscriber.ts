import type { EntitySubscriberInterface, InsertEvent, LoadEvent, QueryRunner, RemoveEvent, UpdateEvent } from 'typeorm';
import { TenantOwned } from './tenant-owned.entity.js';

/** An entity of a tenant was read or written outside a {@link TenantScope}, or in the scope of another tenant. @publicApi */
export class TenantIsolationError extends Error {
  constructor(entity: string, reason: string) {
    super(
      `${entity} belongs to a tenant and was read or written ${reason}. Use the manager that TenantScope.run() passes.`,
    );
    this.name = 'TenantIsolationError';
  }
}

/** The tenant of each query runner. */
const tenantByRunner = new WeakMap<QueryRunner, string>();

export function setRunnerTenant(runner: QueryRunner, tenantId: string): void {
  tenantByRunner.set(runner, tenantId);
}

/**
 * A second protection besides row-level security: TypeORM reads and writes entities of tenants only inside a scope. It
 * also protects logins that bypass row-level security. It does not check raw SQL.
 */
export class TenantGuardSubscriber implements EntitySubscriberInterface {
  afterLoad(entity: unknown, event?: LoadEvent<unknown>): void {
    assertTenant(entity, event?.queryRunner);
  }

  beforeInsert({ entity, queryRunner }: InsertEvent<unknown>): void {
    assertTenant(entity, queryRunner);
  }

  beforeUpdate({ databaseEntity, entity, queryRunner }: UpdateEvent<unknown>): void {
    assertTenant(databaseEntity ?? entity, queryRunner);
  }

  beforeRemove({ databaseEntity, queryRunner }: RemoveEvent<unknown>): void {
    assertTenant(databaseEntity, queryRunner);
  }
}

function assertTenant(entity: unknown, runner: QueryRunner | undefined): void {
  if (!(entity instanceof TenantOwned)) return;
  const name = entity.constructor.name;
  const tenantId = runner && tenantByRunner.get(runner);
  if (tenantId === undefined) throw new TenantIsolationError(name, 'outside a TenantScope');
  // A new entity has no tenant yet. The database sets it.
  const owner = (entity as Partial<TenantOwned>).tenantId;
  if (owner !== undefined && owner !== tenantId) throw new TenantIsolationError(name, 'in the scope of another tenant');
}
