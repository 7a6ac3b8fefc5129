import { Injectable } from '@nestjs/common';
import { AuditReader, type AuditFilter } from '../audit.reader.js';
import type { DeliveredEvent } from '../sinks/audit-sink.js';
import type { AuditVisibility } from '../store/audit.scope.js';
import type { StoredBatch } from './audit.feed.js';

/** Loads the events of batches, in the order in which they were stored. */
@Injectable()
export class FeedEvents {
  constructor(private readonly reader: AuditReader) {}

  async load(
    batches: readonly StoredBatch[],
    filter: AuditFilter = {},
    visibility: AuditVisibility = 'all',
  ): Promise<DeliveredEvent[]> {
    const ids = batches.flatMap(({ eventIds }) => eventIds);
    const found = new Map((await this.reader.findByIds(ids, filter, visibility)).map((event) => [event.id, event]));
    return batches.flatMap(({ position, eventIds }) =>
      eventIds.flatMap((id, index) => {
        const event = found.get(id);
        return event ? [{ cursor: `${position}-${index}`, event }] : [];
      }),
    );
  }
}
