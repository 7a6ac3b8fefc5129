import { Inject, Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AUDIT_SETTINGS, type AuditSettings } from '../audit.options.js';
import { AuditSigner } from '../integrity/audit.signer.js';
import { exactTime, genesis } from '../integrity/chain.js';
import {
  checkpointText,
  requireLogId,
  newestCheckpoints,
  SEALED_TENANTS,
  type Checkpoint,
} from '../integrity/checkpoint.js';
import { CompactRange } from '../integrity/merkle.js';
import { firstIdOf } from './months.js';
import { EVENTS, LOCK_TIMEOUT, partitionsOf, SEALS, type Partition } from './partitions.js';

const DAY_MS = 86_400_000;

type LastSeal = Pick<Checkpoint, 'tenant' | 'seq' | 'hash' | 'root' | 'frontier' | 'sealedAt'>;

/**
 * Drops months whose retention has ended, as whole partitions. A signed checkpoint of each chain stays. Verification of
 * the remaining chain starts there.
 *
 * Events are dropped by the month of their id, seals by the month of sealing. The dropped seals are therefore always
 * the first seals of each chain. A month of seals stays while one of its events is stored. An event may be dropped
 * before its seal. In that case the leaf in the seal represents the event.
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

  /** Must run in a transaction that sees all tenants and holds the advisory lock of maintenance. */
  async run(manager: EntityManager, now: Date): Promise<void> {
    const { retentionDays } = this.settings;
    if (retentionDays === undefined) return;
    const limit = new Date(now.getTime() - retentionDays * DAY_MS);
    const events = (await partitionsOf(manager, EVENTS)).filter(({ to }) => to <= limit);
    const last = events.at(-1);
    if (!last) return;
    const before = await newestCheckpoints(manager);
    // A late event may have created the partition of an old month again.
    const bound = firstIdOf(last.to);
    const droppedBefore = before.reduce((most, one) => (one.droppedBefore > most ? one.droppedBefore : most), bound);
    // An event without a seal is not dropped, because no evidence of it would remain.
    if (await this.hasUnsealedEvents(manager, droppedBefore)) {
      this.logger.warn(`audit events before ${last.to.toISOString()} are not dropped yet: some have no seal`);
      return;
    }
    const seals = await this.findDroppableSeals(manager, limit, droppedBefore);
    await this.createCheckpoints(manager, seals, { before, droppedBefore, now });
    await manager.query(LOCK_TIMEOUT);
    await manager.query('LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE');
    // The writer may have stored an old event from a journal in the meantime. It must be sealed first.
    if (await this.hasUnsealedEvents(manager, droppedBefore))
      throw new Error('an old event has just been stored and has no seal yet; retention runs again later');
    const names = [...events, ...seals].map(({ name }) => name);
    await manager.query(`DROP TABLE ${names.join(', ')}`);
    await manager.query('DELETE FROM audit_idempotency WHERE event_id < $1', [droppedBefore]);
    this.logger.log(`dropped the audit partitions ${names.join(', ')}`);
  }

  private async hasUnsealedEvents(manager: EntityManager, droppedBefore: string): Promise<boolean> {
    const rows = (await manager.query('SELECT FROM audit_unsealed WHERE event_id < $1 LIMIT 1', [
      droppedBefore,
    ])) as unknown[];
    return rows.length > 0;
  }

  /** Returns the oldest months of seals, up to the first month that has a seal of a kept event. */
  private async findDroppableSeals(manager: EntityManager, limit: Date, droppedBefore: string): Promise<Partition[]> {
    const found: Partition[] = [];
    await manager.query('LOCK TABLE ONLY audit_seals IN ACCESS SHARE MODE');
    for (const partition of (await partitionsOf(manager, SEALS)).filter(({ to }) => to <= limit)) {
      const keptEvents = (await manager.query(
        `SELECT FROM ${partition.name} s WHERE s.event_id >= $1
         AND EXISTS (SELECT FROM audit_events e WHERE e.id = s.event_id) LIMIT 1`,
        [droppedBefore],
      )) as unknown[];
      if (keptEvents.length > 0) break;
      found.push(partition);
    }
    return found;
  }

  private async createCheckpoints(
    manager: EntityManager,
    seals: readonly Partition[],
    { droppedBefore, now, ...others }: { before: readonly Checkpoint[]; droppedBefore: string; now: Date },
  ): Promise<void> {
    const log = await requireLogId(manager);
    const before = new Map(others.before.map((one) => [one.tenant, one]));
    const dropped = new Map<string, LastSeal>();
    for (const { name } of seals) for (const seal of await lastSeals(manager, name)) dropped.set(seal.tenant, seal);
    const sealed = (await manager.query(SEALED_TENANTS)) as { tenant: string }[];
    const tenants = new Set([...before.keys(), ...sealed.map(({ tenant }) => tenant)]);
    const madeAt = now.toISOString().replace('Z', '000Z');
    const made = [...tenants].map((tenant) => {
      const last = dropped.get(tenant) ?? before.get(tenant) ?? emptyChain(tenant);
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

/** The last seal of each tenant in a partition. It is the end of a batch, so it has the Merkle tree. */
function lastSeals(manager: EntityManager, partition: string): Promise<LastSeal[]> {
  return manager.query(
    `SELECT t.tenant, last.* FROM (${SEALED_TENANTS.replaceAll('audit_seals', partition)}) AS t CROSS JOIN LATERAL (
       SELECT s.seq, encode(s.hash, 'hex') AS hash, encode(s.root, 'hex') AS root,
         encode(s.frontier, 'hex') AS frontier, ${exactTime('s.sealed_at')} AS "sealedAt"
       FROM ${partition} s WHERE s.tenant = t.tenant ORDER BY s.seq DESC LIMIT 1
     ) AS last`,
  ) as Promise<LastSeal[]>;
}

/** The start of a chain from which no seal has been dropped. */
function emptyChain(tenant: string): LastSeal {
  const root = CompactRange.of().root().toString('hex');
  return { tenant, seq: 0, hash: genesis(tenant), root, frontier: '', sealedAt: null };
}
