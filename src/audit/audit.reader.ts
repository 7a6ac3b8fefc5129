import { Injectable } from '@nestjs/common';
import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import type { AuditOutcome, AuditSeverity } from '../ports/index.js';
import { AuditEvent } from './audit-event.entity.js';
import { AuditScope, type AuditVisibility } from './store/audit.scope.js';
import { firstIdOf } from './store/months.js';

/** Which events are meant; all that is given has to hold. @publicApi */
export interface AuditFilter {
  /** Earliest time of the event. */
  from?: Date;
  /** The first time that is not meant any more. */
  to?: Date;
  actor?: string;
  /** A name, or a group of them: `auth.*`. */
  action?: string;
  outcome?: AuditOutcome;
  severity?: AuditSeverity;
  tenant?: string;
  /** Any of the targets, as `type:id`. */
  target?: string;
  requestId?: string;
}

/** @publicApi */
export interface AuditPage {
  readonly events: readonly AuditEvent[];
  /** Where the next page begins; null on the last one. */
  readonly next: string | null;
}

const EXPORT_PAGE = 500;

/**
 * Reads events, newest first. Pages are told by the last id of the one before: events that come meanwhile neither shift
 * them nor show up twice.
 *
 * @publicApi
 */
@Injectable()
export class AuditReader {
  constructor(private readonly scope: AuditScope) {}

  /**
   * @param after `next` of the page before
   * @param reach whose events there are at all; the database itself shows no others
   */
  async page(filter: AuditFilter, limit: number, after?: string, reach: AuditVisibility = 'all'): Promise<AuditPage> {
    const rows = await this.scope.read(reach, (manager) => {
      const query = matching(manager, filter, reach)
        .orderBy('e.id', 'DESC')
        .limit(limit + 1);
      if (after !== undefined) query.andWhere('e.id < :after', { after });
      return query.getMany();
    });
    const events = rows.slice(0, limit);
    return { events, next: rows.length > limit ? (events.at(-1)?.id ?? null) : null };
  }

  /** Those of some events that are meant, in no order. */
  among(ids: readonly string[], filter: AuditFilter = {}, reach: AuditVisibility = 'all'): Promise<AuditEvent[]> {
    return this.scope.read(reach, (manager) =>
      matching(manager, filter, reach).andWhere('e.id = ANY(:ids)', { ids }).getMany(),
    );
  }

  /** Every event that is meant, newest first, a page of them in memory at a time. */
  async *all(filter: AuditFilter, reach: AuditVisibility = 'all'): AsyncGenerator<readonly AuditEvent[]> {
    let after: string | undefined;
    do {
      const { events, next } = await this.page(filter, EXPORT_PAGE, after, reach);
      if (events.length > 0) yield events;
      after = next ?? undefined;
    } while (after !== undefined);
  }
}

function matching(manager: EntityManager, filter: AuditFilter, reach: AuditVisibility): SelectQueryBuilder<AuditEvent> {
  const query = manager.createQueryBuilder(AuditEvent, 'e');
  if (reach !== 'all') query.andWhere('e.tenantId = :reach', { reach: reach.tenant });
  // An id begins with the time of its event, so that one index serves times as well.
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
