import { Injectable, Logger, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';

const FLUSH_INTERVAL_MS = 60_000;

/** Records when keys were last used. Uses are collected in memory and written once a minute, so that requests do not write. */
@Injectable()
export class ApiKeyUses implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger('ApiKeys');
  private lastUses = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly source: DataSource) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.flush(), FLUSH_INTERVAL_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  recordUse(id: string): void {
    this.lastUses.set(id, Date.now());
  }

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
      this.logger.warn({
        err: error,
        msg: 'the last uses of API keys could not be stored. They are stored at the next attempt',
      });
    }
  }
}
