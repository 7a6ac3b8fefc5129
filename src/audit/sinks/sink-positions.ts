import type { DataSource } from 'typeorm';
import { uuidv7 } from '../../common/index.js';

/**
 * How far each sink has come, and which process writes to it. A lease and no lock: a lock would hold a connection, or an
 * open transaction, for as long as the sink takes.
 */
export class SinkPositions {
  private readonly holder = uuidv7();

  constructor(private readonly source: DataSource) {}

  /** Makes the sink known; it begins at `start`, unless it is known already. */
  async enter(sink: string, start: bigint): Promise<void> {
    await this.source.query(
      'INSERT INTO audit_sink_positions (sink, position) VALUES ($1, $2) ON CONFLICT (sink) DO NOTHING',
      [sink, String(start)],
    );
  }

  /** Takes the lease or renews it. Undefined while another process has it. */
  async hold(sink: string, leaseMs: number): Promise<bigint | undefined> {
    const [rows] = (await this.source.query(
      `UPDATE audit_sink_positions SET holder = $2, held_until = now() + $3::float8 * interval '1 millisecond'
       WHERE sink = $1 AND (holder = $2 OR held_until < now()) RETURNING position`,
      [sink, this.holder, leaseMs],
    )) as [{ position: string }[], number];
    return rows[0] && BigInt(rows[0].position);
  }

  /** Moves on, unless another process has taken the lease meanwhile: then its position holds. */
  async advance(sink: string, from: bigint, to: bigint, skipped: number): Promise<boolean> {
    const [, count] = (await this.source.query(
      `UPDATE audit_sink_positions SET position = $4, skipped = skipped + $5
       WHERE sink = $1 AND holder = $2 AND position = $3`,
      [sink, this.holder, String(from), String(to), skipped],
    )) as [unknown, number];
    return count === 1;
  }

  async release(sink: string): Promise<void> {
    await this.source.query(
      `UPDATE audit_sink_positions SET holder = NULL, held_until = '-infinity' WHERE sink = $1 AND holder = $2`,
      [sink, this.holder],
    );
  }
}
