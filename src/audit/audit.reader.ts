import { Injectable } from '@nestjs/common';
import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import type { AuditOutcome, AuditSeverity } from '../ports/index.js';
import { AuditEvent } from './audit-event.entity.js';
import { AuditScope, type AuditVisibility } from './store/audit.scope.js';
import { firstIdOf } from './store/months.js';

/** Selects events. An event must match every given field. @publicApi */
export interface AuditFilter {
  /** Start of the time range, inclusive. */
  from?: Date;
  /** End of the time range, exclusive. */
  to?: Date;
  actor?: string;
  /** An action, or a group of actions such as `auth.*`. */
  action?: string;
  outcome?: AuditOutcome;
  severity?: AuditSeverity;
  tenant?: string;
  /** One of the targets, as `type:id`. */
  target?: string;
  requestId?: string;
}

/** @publicApi */
export interface AuditPage {
  readonly events: readonly AuditEvent[];
  /** Value of `after` for the next page; null on the last page. */
  readonly next: string | null;
}

const EVENTS_PER_PAGE = 500;

/**
 * Reads events, newest first. A page begins after the last id of the previous page. New events therefore do not shift
 * the pages, and no event is returned twice.
 *
 * @publicApi
 */
@Injectable()
export class AuditReader {
  constructor(private readonly scope: AuditScope) {}

  /**
   * @param after `next` of the previous page
   * @param visibility limits the result to one tenant; row-level security of the database enforces it too
   */
  async page(
    filter: AuditFilter,
    limit: number,
    after?: string,
    visibility: AuditVisibility = 'all',
  ): Promise<AuditPage> {
    const rows = await this.scope.read(visibility, (manager) => {
      const query = createQuery(manager, filter, visibility)
        .orderBy('e.id', 'DESC')
        .limit(limit + 1);
      if (after !== undefined) query.andWhere('e.id < :after', { after });
      return query.getMany();
    });
    const events = rows.slice(0, limit);
    return { events, next: rows.length > limit ? (events.at(-1)?.id ?? null) : null };
  }

  /** Events with these ids that match the filter, in no order. */
  findByIds(
    ids: readonly string[],
    filter: AuditFilter = {},
    visibility: AuditVisibility = 'all',
  ): Promise<AuditEvent[]> {
    return this.scope.read(visibility, (manager) =>
      createQuery(manager, filter, visibility).andWhere('e.id = ANY(:ids)', { ids }).getMany(),
    );
  }

  /** All events that match the filter, newest first. Only one page is in memory at a time. */
  async *all(filter: AuditFilter, visibility: AuditVisibility = 'all'): AsyncGenerator<readonly AuditEvent[]> {
    let after: string | undefined;
    do {
      const { events, next } = await this.page(filter, EVENTS_PER_PAGE, after, visibility);
      if (events.length > 0) yield events;
      after = next ?? undefined;
    } while (after !== undefined);
  }
}

function createQuery(
  manager: EntityManager,
  filter: AuditFilter,
  visibility: AuditVisibility,
): SelectQueryBuilder<AuditEvent> {
  const query = manager.createQueryBuilder(AuditEvent, 'e');
  if (visibility !== 'all') query.andWhere('e.tenantId = :visibleTenant', { visibleTenant: visibility.tenant });
  // An id begins with the time of its event, so the index on ids also serves time ranges.
  if (filter.from) query.andWhere('e.id >= :from', { from: firstIdOf(filter.from) });
  if (filter.to) query.andWhere('e.id < :to', { to: firstIdOf(filter.to) });
  if (filter.actor !== undefined) query.andWhere('e.actorId = :actor', { actor: filter.actor });
  if (filter.action?.endsWith('.*'))
    query.andWhere('starts_with(e.action, :group)', { group: filter.action.slice(0, -1) });
  else if (filter.action !== undefined) query.andWhere('e.action = :action', { action: filter.action });
  if (filter.outcome) query.andWhere('e.outcome = :outcome', { outcome: filter.outcome });
  if (filter.severity) query.andWhere('e.severity = :severity', { severity: filter.severity });
  if (filter.tenant !== undefined) query.andWhere('e.tenantId = :tenant', { tenant: filter.tenant });
  if (filter.target !== undefined) query.andWhere('e.targets @> ARRAY[:target]::text[]', { target: filter.target });
  if (filter.requestId !== undefined) query.andWhere('e.requestId = :requestId', { requestId: filter.requestId });
  return query;
}
