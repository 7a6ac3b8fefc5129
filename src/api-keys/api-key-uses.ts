import { Injectable, Logger, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';

const FLUSH_MS = 60_000;

/** When keys were used last: in memory, and once a minute for all of them in one statement, so that no request writes. */
@Injectable()
export class ApiKeyUses implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger('ApiKeys');
  private uses = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly source: DataSource) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.flush(), FLUSH_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  note(id: string): void {
    this.uses.set(id, Date.now());
  }

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
      this.logger.warn({ err: error, msg: 'when API keys were used could not be stored; it is tried again' });
    }
  }
}
