import type { DataSource } from 'typeorm';
import { uuidv7 } from '../../common/index.js';

/**
 * Stores the position of each sink, and the process that writes to the sink. The process has a lease and not a lock,
 * because a lock would keep a connection or a transaction open while the sink writes.
 */
export class SinkPositions {
  private readonly holder = uuidv7();

  constructor(private readonly source: DataSource) {}

  /** Registers the sink with the position `start`. A registered sink keeps its position. */
  async register(sink: string, start: bigint): Promise<void> {
    await this.source.query(
      'INSERT INTO audit_sink_positions (sink, position) VALUES ($1, $2) ON CONFLICT (sink) DO NOTHING',
      [sink, String(start)],
    );
  }

  /** Acquires or renews the lease. Returns the position of the sink, or undefined if another process has the lease. */
  async acquireLease(sink: string, leaseMs: number): Promise<bigint | undefined> {
    const [rows] = (await this.source.query(
      `UPDATE audit_sink_positions SET holder = $2, held_until = now() + $3::float8 * interval '1 millisecond'
       WHERE sink = $1 AND (holder = $2 OR held_until < now()) RETURNING position`,
      [sink, this.holder, leaseMs],
    )) as [{ position: string }[], number];
    return rows[0] && BigInt(rows[0].position);
  }

  /** Updates the position. Returns false if another process has acquired the lease; its position stays. */
  async advance(sink: string, from: bigint, to: bigint, skipped: number): Promise<boolean> {
    const [, count] = (await this.source.query(
      `UPDATE audit_sink_positions SET position = $4, skipped = skipped + $5
       WHERE sink = $1 AND holder = $2 AND position = $3`,
      [sink, this.holder, String(from), String(to), skipped],
    )) as [unknown, number];
    return count === 1;
  }

  async releaseLease(sink: string): Promise<void> {
    await this.source.query(
      `UPDATE audit_sink_positions SET holder = NULL, held_until = '-infinity' WHERE sink = $1 AND holder = $2`,
      [sink, this.holder],
    );
  }
}
