import { Injectable } from '@nestjs/common';
import { AuditReader, type AuditFilter } from '../audit.reader.js';
import type { DeliveredEvent } from '../sinks/audit-sink.js';
import type { AuditVisibility } from '../store/audit.scope.js';
import type { StoredBatch } from './audit.feed.js';

/** The events of batches, in the order of storing. */
@Injectable()
export class FeedEvents {
  constructor(private readonly reader: AuditReader) {}

  async of(
    batches: readonly StoredBatch[],
    filter: AuditFilter = {},
    reach: AuditVisibility = 'all',
  ): Promise<DeliveredEvent[]> {
    const ids = batches.flatMap(({ eventIds }) => eventIds);
    const found = new Map((await this.reader.among(ids, filter, reach)).map((event) => [event.id, event]));
    return batches.flatMap(({ position, eventIds }) =>
      eventIds.flatMap((id, index) => {
        const event = found.get(id);
        return event ? [{ cursor: `${position}-${index}`, event }] : [];
      }),
    );
  }
}
