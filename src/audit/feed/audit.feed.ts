import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { InjectModuleDataSource } from '../../database/index.js';

/** Events that one statement has stored. */
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

const MAX_BATCHES_PER_READ = 50;
const MAX_GAPS = 1_000;

/**
 * The order in which events were stored, for sinks and live tails. Each statement that stores events also inserts a row
 * with a position and the ids of the events.
 *
 * A position is assigned before the commit. So position 6 may be visible before position 5. A reader that continued
 * after 6 would never see 5. Therefore reading stops before a missing position. It continues when the row is visible.
 * It also continues when all transactions have ended that were running when the gap was first seen: in that case the
 * transaction with the missing position was rolled back.
 */
@Injectable()
export class AuditFeed {
  /** Missing positions, each with the id of the next transaction at the time when the gap was first seen. */
  private readonly gaps = new Map<bigint, bigint>();

  constructor(@InjectModuleDataSource() private readonly source: DataSource) {}

  /**
   * Returns the batches after a position, oldest first and without gaps. Together they have at most `eventCount`
   * events, unless the first batch alone has more.
   */
  async readAfter(position: bigint, eventCount: number): Promise<StoredBatch[]> {
    const rows = (await this.source.query(
      `SELECT position, event_ids, added_at, pg_snapshot_xmin(s)::text AS oldest_running,
         pg_snapshot_xmax(s)::text AS next_transaction
       FROM audit_batches, pg_current_snapshot() AS s WHERE position > $1 ORDER BY position LIMIT ${MAX_BATCHES_PER_READ}`,
      [String(position)],
    )) as BatchRow[];
    const batches: StoredBatch[] = [];
    let expected = position + 1n;
    let total = 0;
    for (const row of rows) {
      const found = BigInt(row.position);
      total += row.event_ids.length;
      if (total > eventCount && batches.length > 0) break;
      if (found !== expected && !this.isRolledBack(expected, row)) break;
      batches.push({ position: found, eventIds: row.event_ids, addedAt: row.added_at });
      expected = found + 1n;
    }
    return batches;
  }

  /** The last position of the feed. Later events get higher positions. */
  async lastPosition(): Promise<bigint> {
    const [row] = (await this.source.query(
      `SELECT coalesce((SELECT max(position) FROM audit_batches),
         (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM audit_batches_position_seq)) AS position`,
    )) as { position: string }[];
    return BigInt(row?.position ?? 0);
  }

  /** Whether the batch after a position may already be pruned. */
  async isPrunedAfter(position: bigint): Promise<boolean> {
    const [row] = (await this.source.query('SELECT min(position) AS first FROM audit_batches')) as {
      first: string | null;
    }[];
    const next = row?.first == null ? (await this.lastPosition()) + 1n : BigInt(row.first);
    return next > position + 1n;
  }

  /** Deletes batches that are older than the retention and that every sink has received. */
  async prune(retentionMs: number, sinks: readonly string[]): Promise<void> {
    await this.source.query(
      `DELETE FROM audit_batches WHERE added_at < now() - $1::float8 * interval '1 millisecond' AND position <= coalesce(
         (SELECT min(position) FROM audit_sink_positions WHERE sink = ANY($2::text[])), 9223372036854775807)`,
      [retentionMs, sinks],
    );
  }

  private isRolledBack(expected: bigint, row: BatchRow): boolean {
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
