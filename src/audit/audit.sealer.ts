import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { AUDIT_SETTINGS, type AuditSettings } from './audit.options.js';
import { CANONICAL_COLUMNS, Sealing, type CanonicalRow } from './chain.js';

/** First key of the advisory locks; the second is the tenant's hash. "seal" in ASCII. */
const SEAL_LOCK = 0x7365616c;

const BATCH = 1_000;

/**
 * Links stored events to the chain of their tenant. Writers know nothing of chains: they insert side by side, and
 * whichever replica gets the tenant's lock seals what has come, in one transaction for many events.
 */
@Injectable()
export class AuditSealer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Audit');
  private readonly sealing: Sealing;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<unknown> | undefined;
  private isFailing = false;
  private isStopped = false;

  constructor(
    @InjectDataSource() private readonly source: DataSource,
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
  ) {
    this.sealing = new Sealing(settings.sealSecret);
  }

  onApplicationBootstrap(): void {
    this.sealLater();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Seals all that is stored, and answers with the number of events; those that another replica seals are not in it. */
  async seal(): Promise<number> {
    const rows = (await this.source.query('SELECT DISTINCT tenant FROM audit_unsealed')) as { tenant: string }[];
    let sum = 0;
    for (const { tenant } of rows) {
      for (let count = BATCH; count === BATCH && !this.isStopped; sum += count) count = await this.sealBatch(tenant);
    }
    return sum;
  }

  private sealLater(): void {
    if (this.settings.sealIntervalMs === 0 || this.isStopped) return;
    this.timer = setTimeout(() => {
      this.running = this.sealNow().finally(() => this.sealLater());
    }, this.settings.sealIntervalMs).unref();
  }

  private async sealNow(): Promise<void> {
    try {
      await this.seal();
      this.isFailing = false;
    } catch (error) {
      if (!this.isFailing) this.logger.warn({ err: error, msg: 'audit events cannot be sealed; it is tried again' });
      this.isFailing = true;
    }
  }

  private sealBatch(tenant: string): Promise<number> {
    return this.source.transaction('READ COMMITTED', async (manager) => {
      const locks = (await manager.query('SELECT pg_try_advisory_xact_lock($1, hashtext($2)) AS mine', [
        SEAL_LOCK,
        tenant,
      ])) as { mine: boolean }[];
      return locks[0]?.mine === true ? this.link(manager, tenant) : 0;
    });
  }

  private async link(manager: EntityManager, tenant: string): Promise<number> {
    const [last] = (await manager.query(
      'SELECT seq, hash FROM audit_seals WHERE tenant = $1 ORDER BY audit_seals.seq DESC LIMIT 1',
      [tenant],
    )) as { seq: string; hash: Buffer }[];
    const rows = (await manager.query(
      `SELECT ${CANONICAL_COLUMNS} FROM audit_unsealed u JOIN audit_events e ON e.id = u.event_id
       WHERE u.tenant = $1 ORDER BY u.event_id LIMIT ${BATCH}`,
      [tenant],
    )) as CanonicalRow[];
    if (rows.length === 0) return 0;
    let seq = BigInt(last?.seq ?? 0);
    let hash = last?.hash ?? this.sealing.genesis(tenant);
    const seals = rows.map((row) => {
      seq++;
      hash = this.sealing.next(hash, seq, row);
      return { seq: String(seq), id: row['id'], hash };
    });
    const ids = seals.map(({ id }) => id);
    await manager.query(
      `INSERT INTO audit_seals (tenant, seq, event_id, hash)
       SELECT $1, * FROM unnest($2::bigint[], $3::uuid[], $4::bytea[])`,
      [tenant, seals.map((seal) => seal.seq), ids, seals.map((seal) => seal.hash)],
    );
    await manager.query('DELETE FROM audit_unsealed WHERE tenant = $1 AND event_id = ANY($2::uuid[])', [tenant, ids]);
    return rows.length;
  }
}
