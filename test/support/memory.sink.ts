import type { AuditSink, DeliveredEvent } from '../../src/audit/index.js';

/** Stores the events that it receives, and refuses them while `isDown` is true. */
export class MemorySink implements AuditSink {
  readonly batches: DeliveredEvent[][] = [];
  isDown = false;
  refusals = 0;
  closed = 0;

  constructor(readonly name: string) {}

  get events(): DeliveredEvent[] {
    return this.batches.flat();
  }

  targets(action: string): (string | null)[] {
    return this.events.filter(({ event }) => event.action === action).map(({ event }) => event.target);
  }

  async write(events: readonly DeliveredEvent[]): Promise<void> {
    if (this.isDown) {
      this.refusals++;
      throw new Error(`${this.name} is down`);
    }
    this.batches.push([...events]);
  }

  async close(): Promise<void> {
    this.closed++;
  }
}
