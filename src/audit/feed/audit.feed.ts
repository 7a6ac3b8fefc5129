import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';

/** Events that were stored by one statement. */
export interface StoredBatch {
  readonly position: bigint;
  readonly eventIds: readonly string[];
  readonly addedAt: Date;
}

interface BatchRow {
  readonly position: string;
  readonly event_ids: string[];
  readonly added_at: Date;
  readonly oldest_running: string;
  readonly next_transaction: string;
}

const BATCHES_AT_ONCE = 50;
const MAX_GAPS = 1_000;

/**
 * The order in which events were stored, for those who follow them. Each statement that stores events leaves a row with
 * its number and their ids.
 *
 * Numbers are drawn before a commit, so that number 6 may show before number 5: a reader that went on from 6 would never
 * see 5. So a missing number ends the reading, until it shows, or until every transaction has ended that was running
 * when it was missed first: then it was rolled back.
 */
@Injectable()
export class AuditFeed {
  /** Missing numbers, and the first transaction that had not begun when each was missed. */
  private readonly gaps = new Map<bigint, bigint>();

  constructor(@InjectDataSource() private readonly source: DataSource) {}

  /**
   * What was stored after a position, oldest first and without a gap: batches of so many events together, or one batch
   * that has more.
   */
  async after(position: bigint, eventCount: number): Promise<StoredBatch[]> {
    const rows = (await this.source.query(
      `SELECT position, event_ids, added_at, pg_snapshot_xmin(s)::text AS oldest_running,
         pg_snapshot_xmax(s)::text AS next_transaction
       FROM audit_batches, pg_current_snapshot() AS s WHERE position > $1 ORDER BY position LIMIT ${BATCHES_AT_ONCE}`,
      [String(position)],
    )) as BatchRow[];
    const batches: StoredBatch[] = [];
    let expected = position + 1n;
    let sum = 0;
    for (const row of rows) {
      const at = BigInt(row.position);
      sum += row.event_ids.length;
      if (sum > eventCount && batches.length > 0) break;
      if (at !== expected && !this.isNeverFilled(expected, row)) break;
      batches.push({ position: at, eventIds: row.event_ids, addedAt: row.added_at });
      expected = at + 1n;
    }
    return batches;
  }

  /** Where the feed stands now: what is stored from here on comes after it. */
  async end(): Promise<bigint> {
    const [row] = (await this.source.query(
      `SELECT coalesce((SELECT max(position) FROM audit_batches),
         (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM audit_batches_position_seq)) AS position`,
    )) as { position: string }[];
    return BigInt(row?.position ?? 0);
  }

  /** Whether what came next after a position may have been removed already. */
  async isCutAfter(position: bigint): Promise<boolean> {
    const [row] = (await this.source.query('SELECT min(position) AS first FROM audit_batches')) as {
      first: string | null;
    }[];
    const next = row?.first == null ? (await this.end()) + 1n : BigInt(row.first);
    return next > position + 1n;
  }

  /** Removes what is older than a time and not needed by any sink. */
  async prune(keepMs: number, sinks: readonly string[]): Promise<void> {
    await this.source.query(
      `DELETE FROM audit_batches WHERE added_at < now() - $1::float8 * interval '1 millisecond' AND position <= coalesce(
         (SELECT min(position) FROM audit_sink_positions WHERE sink = ANY($2::text[])), 9223372036854775807)`,
      [keepMs, sinks],
    );
  }

  private isNeverFilled(expected: bigint, row: BatchRow): boolean {
    const missedAt = this.gaps.get(expected);
    if (missedAt === undefined) {
      const [oldest] = this.gaps.size >= MAX_GAPS ? this.gaps.keys() : [];
      if (oldest !== undefined) this.gaps.delete(oldest);
      this.gaps.set(expected, BigInt(row.next_transaction));
      return false;
    }
    return BigInt(row.oldest_running) >= missedAt;
  }
}
