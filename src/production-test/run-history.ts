import { Injectable, Logger } from '@nestjs/common';
import { InjectRedis, type RedisClient } from '../redis/index.js';
import type { CheckReport } from '../reports/index.js';

/** A run of every check. @publicApi */
export interface Run extends CheckReport {
  id: string;
}

/** @publicApi */
export type RunSummary = Omit<Run, 'checks'>;

const KEPT_RUNS = 20;
const KEPT_SECONDS = 30 * 86_400;
const LIST_KEY = 'bulwark:self-test:runs';
const keyOf = (id: string) => `bulwark:self-test:run:${id}`;

/**
 * The last runs. With Redis all replicas share them, so that it does not matter which of them a balancer asks; without it,
 * and while it does not answer, each process has its own.
 */
@Injectable()
export class RunHistory {
  private readonly own: Run[] = [];
  private readonly logger = new Logger('SelfTests');

  constructor(@InjectRedis() private readonly redis: RedisClient | undefined) {}

  get isShared(): boolean {
    return this.redis !== undefined;
  }

  async keep(run: Run): Promise<void> {
    this.own.unshift(run);
    this.own.length = Math.min(this.own.length, KEPT_RUNS);
    await this.shared(async (redis) => {
      const { checks: _checks, ...summary } = run;
      await redis.set(keyOf(run.id), JSON.stringify(run), 'EX', KEPT_SECONDS);
      await redis.lpush(LIST_KEY, JSON.stringify(summary));
      await redis.ltrim(LIST_KEY, 0, KEPT_RUNS - 1);
      await redis.expire(LIST_KEY, KEPT_SECONDS);
    });
  }

  /** Latest first. */
  async list(): Promise<RunSummary[]> {
    const lines = await this.shared((redis) => redis.lrange(LIST_KEY, 0, KEPT_RUNS - 1));
    if (lines) return lines.map((line) => JSON.parse(line) as RunSummary);
    return this.own.map(({ checks: _checks, ...summary }) => summary);
  }

  /** @param id of a run, or `latest` */
  async find(id: string): Promise<Run | undefined> {
    const wanted = id === 'latest' ? (await this.list())[0]?.id : id;
    if (wanted === undefined) return undefined;
    const text = await this.shared((redis) => redis.get(keyOf(wanted)));
    return typeof text === 'string' ? (JSON.parse(text) as Run) : this.own.find((run) => run.id === wanted);
  }

  /** Undefined without Redis, and where it fails: a history is not worth an error. */
  private async shared<T>(use: (redis: RedisClient) => Promise<T>): Promise<T | undefined> {
    if (!this.redis) return undefined;
    try {
      return await use(this.redis);
    } catch (error) {
      this.logger.warn(`the runs of other replicas are not known, because Redis fails: ${String(error)}`);
      return undefined;
    }
  }
}
