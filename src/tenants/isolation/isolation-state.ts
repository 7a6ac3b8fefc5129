import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { InjectModuleDataSource } from '../../database/index.js';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../../ports/index.js';
import { TENANT_ROLE } from './tenant-role.js';
import { TenantGuardSubscriber } from './tenant-guard.subscriber.js';
import { isTenantOwned } from './tenant-owned.entity.js';

interface Login {
  name: string;
  bypassesRowSecurity: boolean;
  /** Whether the login can switch to {@link TENANT_ROLE}, and the policies apply to that role. */
  hasScopeRole: boolean;
}

/**
 * Checks that row-level security is effective for the application. At start, an unprotected table of tenants fails the
 * start. Later, the health check reports it.
 */
@Injectable()
@HealthCheckOf({ key: 'tenant-isolation', critical: false, groups: ['full', 'deep'], cacheMs: 30_000 })
export class IsolationState implements OnModuleInit, OnApplicationBootstrap, HealthContributor {
  private readonly logger = new Logger('Tenants');
  private login: Login | undefined;

  constructor(@InjectModuleDataSource() private readonly source: DataSource) {}

  /** Role that transactions of tenants switch to. Undefined if the policies apply to the login itself. */
  get scopeRole(): string | undefined {
    return this.login?.bypassesRowSecurity === true ? TENANT_ROLE : undefined;
  }

  async onModuleInit(): Promise<void> {
    this.source.subscribers.push(new TenantGuardSubscriber());
    this.login = await this.readLogin();
  }

  /** @throws Error if the data of tenants would not be isolated */
  async onApplicationBootstrap(): Promise<void> {
    if (this.tables.length === 0 || !this.login) return;
    const unprotected = await this.findUnprotectedTables();
    if (unprotected.length > 0) {
      throw new Error(
        `The tables ${unprotected.join(', ')} hold entities of tenants and are not isolated. ` +
          'Call enableTenantIsolation() in the migration that creates them.',
      );
    }
    const { name, bypassesRowSecurity, hasScopeRole } = this.login;
    if (bypassesRowSecurity && !hasScopeRole) {
      throw new Error(
        `The database role "${name}" bypasses row-level security and cannot switch to the role "${TENANT_ROLE}". ` +
          `Remove SUPERUSER and BYPASSRLS from the role, or run GRANT ${TENANT_ROLE} TO "${name}".`,
      );
    }
    if (bypassesRowSecurity) {
      this.logger.warn(
        `The database role "${name}" bypasses row-level security. Transactions of TenantScope run as "${TENANT_ROLE}" ` +
          'and are isolated. Raw SQL outside of them can read the data of all tenants. ' +
          'Give the application a role without SUPERUSER and BYPASSRLS',
      );
    }
  }

  async check(): Promise<HealthReport> {
    const { name, bypassesRowSecurity, hasScopeRole } = (this.login = await this.readLogin());
    const unprotected = await this.findUnprotectedTables();
    const report = { role: name, bypassesRowSecurity, tables: this.tables.length };
    if (unprotected.length > 0) {
      return { ...report, degraded: `tables of tenants are not isolated: ${unprotected.join(', ')}` };
    }
    if (this.tables.length > 0 && bypassesRowSecurity && !hasScopeRole) {
      return { ...report, degraded: `the role "${name}" bypasses row-level security` };
    }
    return report;
  }

  private get tables(): string[] {
    return this.source.entityMetadatas.filter(({ target }) => isTenantOwned(target)).map(({ tablePath }) => tablePath);
  }

  private async readLogin(): Promise<Login> {
    const [login] = await this.source.query<Login[]>(
      `SELECT me.rolname AS name, me.rolsuper OR me.rolbypassrls AS "bypassesRowSecurity",
          COALESCE(pg_has_role(me.oid, scope.oid, 'MEMBER') AND NOT (scope.rolsuper OR scope.rolbypassrls), false)
            AS "hasScopeRole"
        FROM pg_roles me LEFT JOIN pg_roles scope ON scope.rolname = $1 WHERE me.rolname = current_user`,
      [TENANT_ROLE],
    );
    if (!login) throw new Error('The database role of the application does not exist in pg_roles');
    return login;
  }

  /** Tables of tenants without the restrictive policy, or whose policy does not apply to the owner of the table. */
  private async findUnprotectedTables(): Promise<string[]> {
    if (this.tables.length === 0) return [];
    const rows = await this.source.query<{ name: string }[]>(
      `SELECT name FROM unnest($1::text[]) AS name LEFT JOIN pg_class c ON c.oid = to_regclass(name)
        WHERE NOT COALESCE(c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
          SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant_isolation' AND NOT p.polpermissive), false)`,
      [this.tables],
    );
    return rows.map(({ name }) => name);
  }
}
