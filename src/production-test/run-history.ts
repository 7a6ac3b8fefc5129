import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { REDIS } from '../ports/index.js';
import type { RedisClient } from '../redis/index.js';
import type { CheckReport } from '../reports/index.js';

/** A run of all checks. @publicApi */
export interface Run extends CheckReport {
  id: string;
}

/** @publicApi */
export type RunSummary = Omit<Run, 'checks'>;

const MAX_RUNS = 20;
const RUN_TTL_SECONDS = 30 * 86_400;
const LIST_KEY = 'bulwark:self-test:runs';
const getKey = (id: string) => `bulwark:self-test:run:${id}`;

/**
 * Stores the last runs. With Redis, all replicas share them, so that every replica returns the same history. Without Redis,
 * or while it does not respond, each process has its own history.
 */
@Injectable()
export class RunHistory {
  private readonly localRuns: Run[] = [];
  private readonly logger = new Logger('SelfTests');

  constructor(@Optional() @Inject(REDIS) private readonly redis?: RedisClient) {}

  get isShared(): boolean {
    return this.redis !== undefined;
  }

  async add(run: Run): Promise<void> {
    this.localRuns.unshift(run);
    this.localRuns.length = Math.min(this.localRuns.length, MAX_RUNS);
    await this.tryRedis(async (redis) => {
      const { checks: _checks, ...summary } = run;
      await redis.set(getKey(run.id), JSON.stringify(run), 'EX', RUN_TTL_SECONDS);
      await redis.lpush(LIST_KEY, JSON.stringify(summary));
      await redis.ltrim(LIST_KEY, 0, MAX_RUNS - 1);
      await redis.expire(LIST_KEY, RUN_TTL_SECONDS);
    });
  }

  /** Returns the runs, the latest first. */
  async list(): Promise<RunSummary[]> {
    const lines = await this.tryRedis((redis) => redis.lrange(LIST_KEY, 0, MAX_RUNS - 1));
    if (lines) return lines.map((line) => JSON.parse(line) as RunSummary);
    return this.localRuns.map(({ checks: _checks, ...summary }) => summary);
  }

  /** @param id id of a run, or `latest` */
  async find(id: string): Promise<Run | undefined> {
    const wanted = id === 'latest' ? (await this.list())[0]?.id : id;
    if (wanted === undefined) return undefined;
    const text = await this.tryRedis((redis) => redis.get(getKey(wanted)));
    return typeof text === 'string' ? (JSON.parse(text) as Run) : this.localRuns.find((run) => run.id === wanted);
  }

  /** Returns undefined without Redis, or if Redis fails. A missing history must not cause an error. */
  private async tryRedis<T>(use: (redis: RedisClient) => Promise<T>): Promise<T | undefined> {
    if (!this.redis) return undefined;
    try {
      return await use(this.redis);
    } catch (error) {
      this.logger.warn(`the runs of other replicas are unknown because Redis failed: ${String(error)}`);
      return undefined;
    }
  }
}
