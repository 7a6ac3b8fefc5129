import { Injectable, Optional } from '@nestjs/common';
import { DataSource, QueryFailedError, type EntityManager } from 'typeorm';
import { AuditTrail, Metrics, NoAuditTrail, NoMetrics, type Counter } from '../../ports/index.js';
import { currentContext } from '../../context/index.js';
import { ProblemException } from '../../problem/index.js';
import { requiredTenant } from '../current-tenant.decorator.js';
import { IsolationState } from './isolation-state.js';
import { tieToTenant } from './tenant-guard.subscriber.js';
import { TENANT_SETTING } from './tenant-isolation.sql.js';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * Runs work on the data of one tenant, in a transaction that PostgreSQL holds to it by row-level security. The tenant is
 * set for the transaction and no longer, so that it is gone when the connection serves somebody else, in the pool or
 * behind PgBouncer in transaction mode.
 *
 * @publicApi
 */
@Injectable()
export class TenantScope {
  private readonly violations: Counter;

  constructor(
    private readonly source: DataSource,
    private readonly state: IsolationState,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() metrics: Metrics = new NoMetrics(),
  ) {
    this.violations = metrics
      .counter({ name: 'tenant_violations_total', help: 'Writes across tenants that the database has refused.' })
      .labels({});
    this.violations.add(0);
  }

  /**
   * Within the tenant that the current request acts in.
   *
   * @throws ProblemException `TENANT_REQUIRED` where it acts in none, `ACCESS_DENIED` on a write to another tenant
   */
  async run<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.runFor(requiredTenant(currentContext()?.tenantId), work);
  }

  /** Within a tenant that the code names: for jobs. It asks nobody whether the caller may. */
  async runFor<T>(tenantId: string, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    if (!UUID.test(tenantId)) throw new TypeError(`A tenant's id is a UUID; this is "${tenantId}".`);
    const id = tenantId.toLowerCase();
    try {
      return await this.source.transaction(async (manager) => {
        await this.enter(manager, id);
        return work(manager);
      });
    } catch (error) {
      throw this.explained(error, id);
    }
  }

  /** One statement; both settings end with the transaction, as by `SET LOCAL`. */
  private async enter(manager: EntityManager, tenantId: string): Promise<void> {
    const { queryRunner } = manager;
    if (!queryRunner) throw new Error('The transaction has no query runner');
    const role = this.state.scopeRole;
    tieToTenant(queryRunner, tenantId);
    if (role === undefined) await manager.query('SELECT set_config($1, $2, true)', [TENANT_SETTING, tenantId]);
    else {
      await manager.query(`SELECT set_config($1, $2, true), set_config('role', $3, true)`, [
        TENANT_SETTING,
        tenantId,
        role,
      ]);
    }
  }

  private explained(error: unknown, tenantId: string): unknown {
    if (!(error instanceof QueryFailedError)) return error;
    const { code, message } = error.driverError as { code?: string; message: string };
    if (code !== INSUFFICIENT_PRIVILEGE || !message.includes('row-level security')) return error;
    this.violations.add();
    this.audit.record({
      action: 'security.violation',
      outcome: 'denied',
      tenantId,
      metadata: { kind: 'tenant isolation', reason: message },
    });
    return new ProblemException('ACCESS_DENIED', 'This belongs to another tenant.', { cause: error });
  }
}
