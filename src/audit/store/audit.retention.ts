import { Inject, Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AUDIT_SETTINGS, type AuditSettings } from '../audit.options.js';
import { AuditSigner } from '../integrity/audit.signer.js';
import { exactTime, genesis } from '../integrity/chain.js';
import { checkpointText, logId, newestCheckpoints, SEALED_TENANTS, type Checkpoint } from '../integrity/checkpoint.js';
import { CompactRange } from '../integrity/merkle.js';
import { firstIdOf } from './months.js';
import { EVENTS, LOCK_TIMEOUT, partitionsOf, SEALS, type Partition } from './partitions.js';

const DAY_MS = 86_400_000;

type LastSeal = Pick<Checkpoint, 'tenant' | 'seq' | 'hash' | 'root' | 'frontier' | 'sealedAt'>;

/**
 * Drops months that nobody has to keep, as whole partitions. Of each chain a signed checkpoint stays, from which the
 * rest verifies.
 *
 * Events go by the month of their id, seals by the month of their sealing: so the seals that go are always the first
 * ones of each chain. Seals stay longer where one of their events does; an event may go before its seal, which then
 * stands for it by its leaf.
 */
@Injectable()
export class AuditRetention {
  private readonly logger = new Logger('Audit');

  constructor(
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    private readonly signer: AuditSigner,
  ) {}

  /** Whether there are events that retention would drop. */
  async isDue(manager: EntityManager, now: Date): Promise<boolean> {
    const { retentionDays } = this.settings;
    if (retentionDays === undefined) return false;
    const limit = new Date(now.getTime() - retentionDays * DAY_MS);
    return (await partitionsOf(manager, EVENTS)).some(({ to }) => to <= limit);
  }

  /** Within a transaction that sees all tenants, and alone. */
  async run(manager: EntityManager, now: Date): Promise<void> {
    const { retentionDays } = this.settings;
    if (retentionDays === undefined) return;
    const limit = new Date(now.getTime() - retentionDays * DAY_MS);
    const events = (await partitionsOf(manager, EVENTS)).filter(({ to }) => to <= limit);
    const last = events.at(-1);
    if (!last) return;
    const before = await newestCheckpoints(manager);
    // A late event may have made an old month anew.
    const bound = firstIdOf(last.to);
    const droppedBefore = before.reduce((most, one) => (one.droppedBefore > most ? one.droppedBefore : most), bound);
    // An evidence first: what has no seal yet would leave no trace.
    if (await this.waitsForSeal(manager, droppedBefore)) {
      this.logger.warn(`audit events before ${last.to.toISOString()} are not dropped: some wait for their seals`);
      return;
    }
    const seals = await this.sealsToDrop(manager, limit, droppedBefore);
    await this.keepCheckpoints(manager, seals, { before, droppedBefore, now });
    await manager.query(LOCK_TIMEOUT);
    await manager.query('LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE');
    // One that a journal brought in the meantime: it is sealed first, and this is tried again.
    if (await this.waitsForSeal(manager, droppedBefore)) throw new Error('an old event has just come; trying later');
    const names = [...events, ...seals].map(({ name }) => name);
    await manager.query(`DROP TABLE ${names.join(', ')}`);
    await manager.query('DELETE FROM audit_idempotency WHERE event_id < $1', [droppedBefore]);
    this.logger.log(`dropped the audit partitions ${names.join(', ')}`);
  }

  private async waitsForSeal(manager: EntityManager, droppedBefore: string): Promise<boolean> {
    const rows = (await manager.query('SELECT FROM audit_unsealed WHERE event_id < $1 LIMIT 1', [
      droppedBefore,
    ])) as unknown[];
    return rows.length > 0;
  }

  /** The first months of seals, as far as none of their events stays. */
  private async sealsToDrop(manager: EntityManager, limit: Date, droppedBefore: string): Promise<Partition[]> {
    const found: Partition[] = [];
    await manager.query('LOCK TABLE ONLY audit_seals IN ACCESS SHARE MODE');
    for (const partition of (await partitionsOf(manager, SEALS)).filter(({ to }) => to <= limit)) {
      const staying = (await manager.query(
        `SELECT FROM ${partition.name} s WHERE s.event_id >= $1
         AND EXISTS (SELECT FROM audit_events e WHERE e.id = s.event_id) LIMIT 1`,
        [droppedBefore],
      )) as unknown[];
      if (staying.length > 0) break;
      found.push(partition);
    }
    return found;
  }

  private async keepCheckpoints(
    manager: EntityManager,
    seals: readonly Partition[],
    { droppedBefore, now, ...others }: { before: readonly Checkpoint[]; droppedBefore: string; now: Date },
  ): Promise<void> {
    const log = await logId(manager);
    const before = new Map(others.before.map((one) => [one.tenant, one]));
    const dropped = new Map<string, LastSeal>();
    for (const { name } of seals) for (const seal of await lastSeals(manager, name)) dropped.set(seal.tenant, seal);
    const sealed = (await manager.query(SEALED_TENANTS)) as { tenant: string }[];
    const tenants = new Set([...before.keys(), ...sealed.map(({ tenant }) => tenant)]);
    const madeAt = now.toISOString().replace('Z', '000Z');
    const made = [...tenants].map((tenant) => {
      const last = dropped.get(tenant) ?? before.get(tenant) ?? nothingOf(tenant);
      const { seq, hash, root, frontier, sealedAt } = last;
      const checkpoint = { tenant, droppedBefore, seq: Number(seq), hash, root, frontier, sealedAt, madeAt };
      return { ...checkpoint, ...this.signer.sign(checkpointText(log, checkpoint)) };
    });
    await manager.query(
      `INSERT INTO audit_checkpoints (tenant, dropped_before, seq, hash, root, frontier, sealed_at, made_at, key_id, signature)
       SELECT tenant, "droppedBefore", seq, decode(hash, 'hex'), decode(root, 'hex'), decode(frontier, 'hex'),
         "sealedAt", "madeAt", "keyId", signature
       FROM json_to_recordset($1) AS c(tenant text, "droppedBefore" uuid, seq bigint, hash text, root text, frontier text,
         "sealedAt" timestamptz, "madeAt" timestamptz, "keyId" text, signature text)
       ON CONFLICT DO NOTHING`,
      [JSON.stringify(made)],
    );
  }
}

/** The last seal of each tenant in a partition. It ends a batch, so that its tree is known. */
function lastSeals(manager: EntityManager, partition: string): Promise<LastSeal[]> {
  return manager.query(
    `SELECT t.tenant, last.* FROM (${SEALED_TENANTS.replaceAll('audit_seals', partition)}) AS t CROSS JOIN LATERAL (
       SELECT s.seq, encode(s.hash, 'hex') AS hash, encode(s.root, 'hex') AS root,
         encode(s.frontier, 'hex') AS frontier, ${exactTime('s.sealed_at')} AS "sealedAt"
       FROM ${partition} s WHERE s.tenant = t.tenant ORDER BY s.seq DESC LIMIT 1
     ) AS last`,
  ) as Promise<LastSeal[]>;
}

/** Of a tenant none of whose seals was dropped yet. */
function nothingOf(tenant: string): LastSeal {
  const root = CompactRange.of().root().toString('hex');
  return { tenant, seq: 0, hash: genesis(tenant), root, frontier: '', sealedAt: null };
}
