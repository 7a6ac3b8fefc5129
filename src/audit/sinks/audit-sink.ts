import type { AuditEvent } from '../audit-event.entity.js';

/** A stored event, as a sink receives it. @publicApi */
export interface DeliveredEvent {
  /** Position of the event in the feed, as `batch-index`. It is greater than the cursor of every earlier event. */
  readonly cursor: string;
  readonly event: AuditEvent;
}

/**
 * An additional destination for events. The database stays their system of record. A sink receives events in the order
 * in which they were stored, one batch at a time. After a failure it receives the same batch again, so delivery is at
 * least once. A consumer can detect repeated events by `event.id`.
 *
 * @publicApi
 */
export interface AuditSink {
  /** Name under which the position of the sink is stored. A sink with a new name starts with new events. */
  readonly name: string;
  /**
   * Stores the events, and resolves when they are stored. The next call waits for this one. If it rejects or takes
   * longer than `sinkTimeoutMs`, it is called again with the same events.
   */
  write(events: readonly DeliveredEvent[]): Promise<void>;
  /** Closes connections and files at shutdown. */
  close?(): Promise<void>;
}
