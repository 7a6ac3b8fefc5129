import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { InjectModuleDataSource } from '../database/index.js';
import { PeriodicTasks, type PeriodicTaskRunner } from '../periodic-tasks/index.js';

const FLUSH_INTERVAL_MS = 60_000;

/** Records when keys were last used. Uses are collected in memory and written once a minute, so that requests do not write. */
@Injectable()
export class ApiKeyUses implements BeforeApplicationShutdown {
  private lastUses = new Map<string, number>();
  private readonly flushing: PeriodicTaskRunner;

  constructor(
    @InjectModuleDataSource() private readonly source: DataSource,
    tasks: PeriodicTasks,
  ) {
    const flush = () => this.flush();
    this.flushing = tasks.add({ name: 'api-key-uses', everyMs: FLUSH_INTERVAL_MS, run: flush, runsUntilClose: true });
  }

  /** The uses of the last minute are worth one try. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.flushing.runNow().catch(() => undefined);
  }

  recordUse(id: string): void {
    this.lastUses.set(id, Date.now());
  }

  /** @throws what the database answers; the uses are then kept for the next time */
  async flush(): Promise<void> {
    if (this.lastUses.size === 0) return;
    const { lastUses } = this;
    this.lastUses = new Map();
    try {
      await this.source.query(
        `UPDATE api_keys AS k SET last_used_at = u.at
          FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, at)
          WHERE k.id = u.id AND (k.last_used_at IS NULL OR k.last_used_at < u.at)`,
        [[...lastUses.keys()], [...lastUses.values()].map((at) => new Date(at).toISOString())],
      );
    } catch (error) {
      // Uses that were recorded in the meantime are newer.
      for (const [id, at] of lastUses) if (!this.lastUses.has(id)) this.lastUses.set(id, at);
      throw error;
    }
  }
}
