import type { AuditEvent } from '../audit-event.entity.js';

/** A stored event on its way to a sink. @publicApi */
export interface DeliveredEvent {
  /** Its place in the order of storing, `batch-index`: greater than that of every event before it. */
  readonly cursor: string;
  readonly event: AuditEvent;
}

/**
 * A further place for events, beside the database that is their system of record. What a sink is given, it is given in
 * the order of storing, one batch at a time, and again from the same place when it fails: at least once. Whoever wants an
 * event once compares `event.id`.
 *
 * @publicApi
 */
export interface AuditSink {
  /** Tells its place from that of others; a sink under a new name begins with what is stored from then on. */
  readonly name: string;
  /**
   * Resolves when the events are kept. It is not called again before that, so that a slow sink is never hurried; when it
   * rejects or takes longer than `sinkTimeoutMs`, the same events come again.
   */
  write(events: readonly DeliveredEvent[]): Promise<void>;
  /** Gives up what it holds open, at shutdown. */
  close?(): Promise<void>;
}
