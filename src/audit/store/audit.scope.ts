import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { InjectModuleDataSource, takeAdvisoryLocks } from '../../database/index.js';
import {
  AUDITOR_ROLE,
  CREATE_ROLES,
  GRANT_TO_ROLES,
  READER_ROLE,
  missingRolesWarning,
  WRITER_ROLE,
} from './audit-roles.js';

/** The events that code may see: those of all tenants, or of one tenant. @publicApi */
export type AuditVisibility = 'all' | { readonly tenant: string };

/** The protections of the database that are active. @publicApi */
export interface AuditIsolation {
  /** Whether events are inserted by a role that may do nothing else. */
  readonly writer: boolean;
  /** Whether events are read by roles that may only read. */
  readonly readers: boolean;
  /** Whether the login bypasses row-level security, because it is a superuser or has BYPASSRLS. */
  readonly bypass: boolean;
}

/**
 * Lets code see audit rows. Row-level security is forced: a statement outside a scope sees only the rows of the tenant
 * in `app.tenant_id`, and no rows if there is no tenant.
 *
 * @publicApi
 */
@Injectable()
export class AuditScope implements OnModuleInit {
  private readonly logger = new Logger('Audit');
  private state: AuditIsolation = { writer: false, readers: false, bypass: false };

  constructor(@InjectModuleDataSource() private readonly source: DataSource) {}

  get isolation(): AuditIsolation {
    return this.state;
  }

  /** Creates the roles if the migration could not. An administrator may have granted the right since then. */
  async onModuleInit(): Promise<void> {
    this.state = await this.readIsolation();
    if (this.state.writer && this.state.readers) return;
    try {
      await this.source.transaction(async (manager) => {
        await takeAdvisoryLocks(manager, ['audit-roles']);
        if (!(await this.readIsolation()).writer) await manager.query(CREATE_ROLES + GRANT_TO_ROLES);
      });
    } catch (error) {
      this.logger.warn(missingRolesWarning(error));
    }
    this.state = await this.readIsolation();
  }

  private async readIsolation(): Promise<AuditIsolation> {
    const [state] = (await this.source.query(SELECT_ISOLATION, [
      WRITER_ROLE,
      READER_ROLE,
      AUDITOR_ROLE,
    ])) as AuditIsolation[];
    return state ?? { writer: false, readers: false, bypass: false };
  }

  /** Runs `work` in a transaction that sees only the events of `visibility`. */
  read<T>(visibility: AuditVisibility, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.source.transaction('READ COMMITTED', async (manager) => {
      const [tenant, role] = visibility === 'all' ? ['', AUDITOR_ROLE] : [visibility.tenant, READER_ROLE];
      const settings = `set_config('app.tenant_id', $1, true), set_config('app.audit_scope', $2, true)`;
      const as = this.state.readers ? `, set_config('role', '${role}', true)` : '';
      await manager.query(`SELECT ${settings}${as}`, [tenant, visibility === 'all' ? 'all' : '']);
      return work(manager);
    });
  }
}

const SELECT_ISOLATION = `
  SELECT coalesce((SELECT proowner::regrole::text = $1 FROM pg_proc WHERE oid = to_regproc('audit_append')), false) AS writer,
    (SELECT count(*) = 2 FROM pg_roles r WHERE rolname IN ($2, $3) AND pg_has_role(current_user, r.oid, 'MEMBER')
       AND has_table_privilege(r.oid, 'audit_events', 'SELECT')) AS readers,
    (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS bypass`;

/** For internal work of the audit trail: the rest of the transaction sees all tenants. */
export const SEE_ALL = `set_config('app.audit_scope', 'all', true)`;
