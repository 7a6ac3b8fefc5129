import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { PeriodicTasks, type PeriodicTaskRunner } from '../periodic-tasks/index.js';

const FLUSH_MS = 60_000;

/** When keys were used last: in memory, and once a minute for all of them in one statement, so that no request writes. */
@Injectable()
export class ApiKeyUses implements BeforeApplicationShutdown {
  private uses = new Map<string, number>();
  private readonly flushing: PeriodicTaskRunner;

  constructor(
    private readonly source: DataSource,
    tasks: PeriodicTasks,
  ) {
    const flush = () => this.flush();
    this.flushing = tasks.add({ name: 'api-key-uses', everyMs: FLUSH_MS, run: flush, runsUntilClose: true });
  }

  /** The uses of the last minute are worth one try. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.flushing.runNow().catch(() => undefined);
  }

  note(id: string): void {
    this.uses.set(id, Date.now());
  }

  /** @throws what the database answers; the uses are then kept for the next time */
  async flush(): Promise<void> {
    if (this.uses.size === 0) return;
    const { uses } = this;
    this.uses = new Map();
    try {
      await this.source.query(
        `UPDATE api_keys AS k SET last_used_at = u.at
          FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, at)
          WHERE k.id = u.id AND (k.last_used_at IS NULL OR k.last_used_at < u.at)`,
        [[...uses.keys()], [...uses.values()].map((at) => new Date(at).toISOString())],
      );
    } catch (error) {
      // Older than what came meanwhile.
      for (const [id, at] of uses) if (!this.uses.has(id)) this.uses.set(id, at);
      throw error;
    }
  }
}
