import { Injectable, Optional } from '@nestjs/common';
import { DataSource, QueryFailedError, type EntityManager } from 'typeorm';
import { InjectModuleDataSource } from '../../database/index.js';
import { AuditTrail, Metrics, NoAuditTrail, NoMetrics, type Counter } from '../../ports/index.js';
import { currentContext } from '../../context/index.js';
import { ProblemException } from '../../problem/index.js';
import { requireTenant } from '../current-tenant.decorator.js';
import { IsolationState } from './isolation-state.js';
import { setRunnerTenant } from './tenant-guard.subscriber.js';
import { TENANT_SETTING } from './tenant-isolation.sql.js';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * Runs work on the data of one tenant, in a transaction that PostgreSQL limits to the tenant by row-level security. The
 * tenant is set only for the transaction. So another user of the same connection never gets it, in the pool or behind
 * PgBouncer in transaction mode.
 *
 * @publicApi
 */
@Injectable()
export class TenantScope {
  private readonly violations: Counter;

  /** @internal */
  constructor(
    @InjectModuleDataSource() private readonly source: DataSource,
    private readonly state: IsolationState,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() metrics: Metrics = new NoMetrics(),
  ) {
    this.violations = metrics
      .counter({ name: 'tenant_violations_total', help: 'Writes to another tenant that the database has refused.' })
      .labels({});
    this.violations.add(0);
  }

  /**
   * Runs work in the tenant of the current request.
   *
   * @throws ProblemException `TENANT_REQUIRED` if the request has no tenant, `ACCESS_DENIED` for a write to another tenant
   */
  async run<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.runFor(requireTenant(currentContext()?.tenantId), work);
  }

  /** Runs work in the given tenant, for jobs. It does not check whether the caller may access the tenant. */
  async runFor<T>(tenantId: string, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    if (!UUID.test(tenantId)) throw new TypeError(`The id of a tenant must be a UUID. "${tenantId}" is not a UUID.`);
    const id = tenantId.toLowerCase();
    try {
      return await this.source.transaction(async (manager) => {
        await this.setTenant(manager, id);
        return work(manager);
      });
    } catch (error) {
      throw this.translateError(error, id);
    }
  }

  /** Sets the tenant and the role by one statement. Both settings end with the transaction, as with `SET LOCAL`. */
  private async setTenant(manager: EntityManager, tenantId: string): Promise<void> {
    const { queryRunner } = manager;
    if (!queryRunner) throw new Error('The transaction has no query runner');
    const role = this.state.scopeRole;
    setRunnerTenant(queryRunner, tenantId);
    if (role === undefined) await manager.query('SELECT set_config($1, $2, true)', [TENANT_SETTING, tenantId]);
    else {
      await manager.query(`SELECT set_config($1, $2, true), set_config('role', $3, true)`, [
        TENANT_SETTING,
        tenantId,
        role,
      ]);
    }
  }

  private translateError(error: unknown, tenantId: string): unknown {
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
