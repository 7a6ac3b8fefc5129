import type { EntityManager } from 'typeorm';
import { exactTime } from './chain.js';

/** Represents the seals of a tenant that retention has dropped: the state of the chain and the tree after them. */
export interface Checkpoint {
  readonly tenant: string;
  /** Retention has dropped the events with smaller ids. */
  readonly droppedBefore: string;
  /** Number of the last dropped seal. It is also the number of dropped seals. */
  readonly seq: number;
  /** Hash of the last dropped seal. Hash, root and frontier are hexadecimal. */
  readonly hash: string;
  /** Merkle root of all dropped events. */
  readonly root: string;
  readonly frontier: string;
  readonly sealedAt: string | null;
  readonly madeAt: string;
  readonly keyId: string;
  readonly signature: string;
}

/** The signed text of a checkpoint. It contains the trail id, so it is not valid for another trail. */
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

/** Reads the tenants that have seals, with one index lookup for each tenant. */
export const SEALED_TENANTS = `
  WITH RECURSIVE sealed AS (
    (SELECT tenant FROM audit_seals ORDER BY tenant LIMIT 1)
    UNION ALL
    SELECT (SELECT s.tenant FROM audit_seals s WHERE s.tenant > sealed.tenant ORDER BY s.tenant LIMIT 1)
    FROM sealed WHERE sealed.tenant IS NOT NULL
  ) SELECT tenant FROM sealed WHERE tenant IS NOT NULL`;

/** Reads the trail id of the database. Undefined if the table does not contain exactly one id. */
export async function findLogId(manager: EntityManager): Promise<string | undefined> {
  const rows = (await manager.query('SELECT id FROM audit_log LIMIT 2')) as { id: string }[];
  return rows.length === 1 ? rows[0]?.id : undefined;
}

/** @throws Error if the table does not contain exactly one id */
export async function requireLogId(manager: EntityManager): Promise<string> {
  const id = await findLogId(manager);
  if (id === undefined)
    throw new Error(
      'the table audit_log does not contain exactly one id: the trail id is lost; restore it from a backup',
    );
  return id;
}
