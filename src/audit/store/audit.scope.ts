import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { takeAdvisoryLocks } from '../../database/index.js';
import {
  AUDITOR_ROLE,
  CREATE_ROLES,
  GRANT_TO_ROLES,
  READER_ROLE,
  rolesAreMissing,
  WRITER_ROLE,
} from './audit-roles.js';

/** Whose events a piece of work may see. @publicApi */
export type AuditVisibility = 'all' | { readonly tenant: string };

/** Which of the database's own protections are in force. @publicApi */
export interface AuditIsolation {
  /** Events are inserted by a role that may do nothing else. */
  readonly writer: boolean;
  /** Events are read by roles of their own. */
  readonly readers: boolean;
  /** The login passes row-level security by: it is a superuser, or has BYPASSRLS. */
  readonly bypass: boolean;
}

/**
 * Lets code see audit rows: by forced row-level security, a statement outside a scope sees those of the tenant in
 * `app.tenant_id`, and where there is none, no rows.
 *
 * @publicApi
 */
@Injectable()
export class AuditScope implements OnModuleInit {
  private readonly logger = new Logger('Audit');
  private state: AuditIsolation = { writer: false, readers: false, bypass: false };

  constructor(@InjectDataSource() private readonly source: DataSource) {}

  get isolation(): AuditIsolation {
    return this.state;
  }

  /** What the migration was not allowed to do may be allowed now: an administrator may have made the roles since. */
  async onModuleInit(): Promise<void> {
    this.state = await this.look();
    if (this.state.writer && this.state.readers) return;
    try {
      await this.source.transaction(async (manager) => {
        await takeAdvisoryLocks(manager, ['audit-roles']);
        if (!(await this.look()).writer) await manager.query(CREATE_ROLES + GRANT_TO_ROLES);
      });
    } catch (error) {
      this.logger.warn(rolesAreMissing(error));
    }
    this.state = await this.look();
  }

  private async look(): Promise<AuditIsolation> {
    const [state] = (await this.source.query(LOOK, [WRITER_ROLE, READER_ROLE, AUDITOR_ROLE])) as AuditIsolation[];
    return state ?? { writer: false, readers: false, bypass: false };
  }

  /** Reads in one transaction, and sees what `reach` says and no more. */
  read<T>(reach: AuditVisibility, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.source.transaction('READ COMMITTED', async (manager) => {
      const [tenant, role] = reach === 'all' ? ['', AUDITOR_ROLE] : [reach.tenant, READER_ROLE];
      const settings = `set_config('app.tenant_id', $1, true), set_config('app.audit_scope', $2, true)`;
      const as = this.state.readers ? `, set_config('role', '${role}', true)` : '';
      await manager.query(`SELECT ${settings}${as}`, [tenant, reach === 'all' ? 'all' : '']);
      return work(manager);
    });
  }
}

const LOOK = `
  SELECT coalesce((SELECT proowner::regrole::text = $1 FROM pg_proc WHERE oid = to_regproc('audit_append')), false) AS writer,
    (SELECT count(*) = 2 FROM pg_roles r WHERE rolname IN ($2, $3) AND pg_has_role(current_user, r.oid, 'MEMBER')
       AND has_table_privilege(r.oid, 'audit_events', 'SELECT')) AS readers,
    (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS bypass`;

/** For the trail's own work, as the tables' owner: the rest of a transaction sees all tenants. */
export const SEE_ALL = `set_config('app.audit_scope', 'all', true)`;
