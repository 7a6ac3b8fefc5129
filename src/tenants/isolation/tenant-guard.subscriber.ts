import type { EntitySubscriberInterface, InsertEvent, LoadEvent, QueryRunner, RemoveEvent, UpdateEvent } from 'typeorm';
import { TenantOwned } from './tenant-owned.entity.js';

/** An entity of a tenant was read or written outside of a {@link TenantScope}, or in that of another tenant. @publicApi */
export class TenantIsolationError extends Error {
  constructor(entity: string, reason: string) {
    super(
      `${entity} belongs to a tenant, and was touched ${reason}. Use the manager that TenantScope.run() hands out.`,
    );
    this.name = 'TenantIsolationError';
  }
}

/** Which tenant a query runner is for. */
const tenants = new WeakMap<QueryRunner, string>();

export function tieToTenant(runner: QueryRunner, tenantId: string): void {
  tenants.set(runner, tenantId);
}

/**
 * The second line behind row-level security: entities of tenants pass through TypeORM within a scope only. It also
 * holds for logins that bypass row-level security, but not for raw SQL.
 */
export class TenantGuardSubscriber implements EntitySubscriberInterface {
  afterLoad(entity: unknown, event?: LoadEvent<unknown>): void {
    check(entity, event?.queryRunner);
  }

  beforeInsert({ entity, queryRunner }: InsertEvent<unknown>): void {
    check(entity, queryRunner);
  }

  beforeUpdate({ databaseEntity, entity, queryRunner }: UpdateEvent<unknown>): void {
    check(databaseEntity ?? entity, queryRunner);
  }

  beforeRemove({ databaseEntity, queryRunner }: RemoveEvent<unknown>): void {
    check(databaseEntity, queryRunner);
  }
}

function check(entity: unknown, runner: QueryRunner | undefined): void {
  if (!(entity instanceof TenantOwned)) return;
  const name = entity.constructor.name;
  const tenantId = runner && tenants.get(runner);
  if (tenantId === undefined) throw new TenantIsolationError(name, 'outside of any');
  // Of what is not stored yet, the database says whose it is.
  const owner = (entity as Partial<TenantOwned>).tenantId;
  if (owner !== undefined && owner !== tenantId) throw new TenantIsolationError(name, 'for another one');
}
