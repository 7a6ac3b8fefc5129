import type { EntityManager } from 'typeorm';
import { exactTime } from './chain.js';

/** What stands for the seals of a tenant that retention has dropped: where the chain and the tree then stood. */
export interface Checkpoint {
  readonly tenant: string;
  /** Events whose id is below are gone, and that is as it should be. */
  readonly droppedBefore: string;
  /** The last dropped seal, and so the number of all that were dropped. */
  readonly seq: number;
  /** Hexadecimal, as are root and frontier. */
  readonly hash: string;
  /** Merkle root of all that was dropped. */
  readonly root: string;
  readonly frontier: string;
  readonly sealedAt: string | null;
  readonly madeAt: string;
  readonly keyId: string;
  readonly signature: string;
}

/** What is signed of a checkpoint, for one trail and no other. */
export function checkpointText(log: string, checkpoint: Omit<Checkpoint, 'keyId' | 'signature'>): string {
  const { tenant, droppedBefore, seq, hash, root, frontier, sealedAt, madeAt } = checkpoint;
  return JSON.stringify([
    'nest-bulwark audit checkpoint 1',
    log,
    tenant,
    droppedBefore,
    seq,
    hash,
    root,
    frontier,
    sealedAt,
    madeAt,
  ]);
}

/** The newest checkpoint of each tenant. */
export async function newestCheckpoints(manager: EntityManager, tenant?: string): Promise<Checkpoint[]> {
  const rows = (await manager.query(
    `SELECT DISTINCT ON (tenant) tenant, dropped_before AS "droppedBefore", seq, encode(hash, 'hex') AS hash,
       encode(root, 'hex') AS root, encode(frontier, 'hex') AS frontier, ${exactTime('sealed_at')} AS "sealedAt",
       ${exactTime('made_at')} AS "madeAt", key_id AS "keyId", signature
     FROM audit_checkpoints WHERE $1::text IS NULL OR tenant = $1 ORDER BY tenant, dropped_before DESC, audit_checkpoints.seq DESC`,
    [tenant ?? null],
  )) as Checkpoint[];
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

/** Every tenant that has seals, one step along the index for each. */
export const SEALED_TENANTS = `
  WITH RECURSIVE sealed AS (
    (SELECT tenant FROM audit_seals ORDER BY tenant LIMIT 1)
    UNION ALL
    SELECT (SELECT s.tenant FROM audit_seals s WHERE s.tenant > sealed.tenant ORDER BY s.tenant LIMIT 1)
    FROM sealed WHERE sealed.tenant IS NOT NULL
  ) SELECT tenant FROM sealed WHERE tenant IS NOT NULL`;

/** What the database calls its trail; undefined where it does not hold exactly one id. */
export async function findLogId(manager: EntityManager): Promise<string | undefined> {
  const rows = (await manager.query('SELECT id FROM audit_log LIMIT 2')) as { id: string }[];
  return rows.length === 1 ? rows[0]?.id : undefined;
}

/** @throws Error where the database does not hold exactly one id */
export async function logId(manager: EntityManager): Promise<string> {
  const id = await findLogId(manager);
  if (id === undefined) throw new Error('audit_log does not hold exactly one id: the identity of the trail is gone');
  return id;
}
