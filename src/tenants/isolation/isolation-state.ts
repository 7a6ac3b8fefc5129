import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../../ports/index.js';
import { TENANT_ROLE } from './tenant-role.js';
import { TenantGuardSubscriber } from './tenant-guard.subscriber.js';
import { isTenantOwned } from './tenant-owned.entity.js';

interface Login {
  name: string;
  bypasses: boolean;
  /** Whether the login may act as {@link TENANT_ROLE}, and that is held by policies. */
  hasScopeRole: boolean;
}

/**
 * Whether row-level security holds for the application: asked of the database at start, where a table of tenants that is
 * open fails it, and by the health check ever after.
 */
@Injectable()
@HealthCheckOf({ key: 'tenant-isolation', critical: false, groups: ['full', 'deep'], cacheMs: 30_000 })
export class IsolationState implements OnModuleInit, OnApplicationBootstrap, HealthContributor {
  private readonly logger = new Logger('Tenants');
  private login: Login | undefined;

  constructor(private readonly source: DataSource) {}

  /** Role that transactions of tenants switch to; undefined where the login is held by policies itself. */
  get scopeRole(): string | undefined {
    return this.login?.bypasses === true ? TENANT_ROLE : undefined;
  }

  async onModuleInit(): Promise<void> {
    this.source.subscribers.push(new TenantGuardSubscriber());
    this.login = await this.readLogin();
  }

  /** @throws Error where the data of tenants would not be kept apart */
  async onApplicationBootstrap(): Promise<void> {
    if (this.tables.length === 0 || !this.login) return;
    const open = await this.openTables();
    if (open.length > 0) {
      throw new Error(
        `The tables ${open.join(', ')} hold entities of tenants and are not isolated. ` +
          'Call enableTenantIsolation() in the migration that makes them.',
      );
    }
    const { name, bypasses, hasScopeRole } = this.login;
    if (bypasses && !hasScopeRole) {
      throw new Error(
        `The database role "${name}" bypasses row-level security, and cannot act as "${TENANT_ROLE}" instead. ` +
          `Take SUPERUSER and BYPASSRLS from it, or GRANT ${TENANT_ROLE} TO "${name}".`,
      );
    }
    if (bypasses) {
      this.logger.warn(
        `The database role "${name}" bypasses row-level security. Transactions of TenantScope run as "${TENANT_ROLE}" ` +
          'and are held to their tenant; raw SQL outside of them sees all tenants. ' +
          'Give the application a role without SUPERUSER and BYPASSRLS',
      );
    }
  }

  async check(): Promise<HealthReport> {
    const { name, bypasses, hasScopeRole } = (this.login = await this.readLogin());
    const open = await this.openTables();
    const report = { role: name, bypassesRowSecurity: bypasses, tables: this.tables.length };
    if (open.length > 0) return { ...report, degraded: `tables of tenants are not isolated: ${open.join(', ')}` };
    if (this.tables.length > 0 && bypasses && !hasScopeRole) {
      return { ...report, degraded: `the role "${name}" bypasses row-level security` };
    }
    return report;
  }

  private get tables(): string[] {
    return this.source.entityMetadatas.filter(({ target }) => isTenantOwned(target)).map(({ tablePath }) => tablePath);
  }

  private async readLogin(): Promise<Login> {
    const [login] = await this.source.query<Login[]>(
      `SELECT me.rolname AS name, me.rolsuper OR me.rolbypassrls AS bypasses,
          COALESCE(pg_has_role(me.oid, scope.oid, 'MEMBER') AND NOT (scope.rolsuper OR scope.rolbypassrls), false)
            AS "hasScopeRole"
        FROM pg_roles me LEFT JOIN pg_roles scope ON scope.rolname = $1 WHERE me.rolname = current_user`,
      [TENANT_ROLE],
    );
    if (!login) throw new Error('The database does not know the role that the application has logged in as');
    return login;
  }

  /** Tables of tenants without the restrictive policy, or that do not hold their owner to it. */
  private async openTables(): Promise<string[]> {
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
