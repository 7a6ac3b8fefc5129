import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { tryWithAdvisoryLock } from '../../database/index.js';
import { PeriodicTasks } from '../../periodic-tasks/index.js';
import { AUDIT_SETTINGS, type AuditSettings } from '../audit.options.js';
import { SEE_ALL } from '../store/audit.scope.js';
import { CANONICAL, exactTime, genesis, seal } from './chain.js';
import { CompactRange, leafHash } from './merkle.js';
import { SealKeys } from './seal-keys.js';

const BATCH = 1_000;

/** Events that wait for a seal are not protected by the chain yet. */
const MAX_RETRY_MS = 5_000;

/** Before every id. */
const FIRST = '00000000-0000-0000-0000-000000000000';

interface Waiting {
  readonly id: string;
  /** Null where the event is not there any more, which the verifier tells. */
  readonly canonical: string | null;
}

type Stored = Waiting & { readonly canonical: string };

const isThere = (event: Waiting): event is Stored => event.canonical !== null;

interface Batch {
  readonly sealed: number;
  /** After which event the next one begins; undefined where nothing more waits, or another replica seals. */
  readonly next?: string | undefined;
}

interface End {
  readonly seq: string;
  readonly hash: string;
  readonly frontier: Buffer;
  readonly now: string;
}

/**
 * The events that wait, one index probe each. `OFFSET 0` keeps PostgreSQL from merging both tables instead, which walks
 * over all that is sealed already, at every batch.
 */
const WAITING = `
  SELECT u.id, e.canonical
  FROM (SELECT event_id AS id FROM audit_unsealed WHERE tenant = $1 AND event_id > $2
        ORDER BY event_id LIMIT ${BATCH}) AS u
  LEFT JOIN LATERAL (SELECT ${CANONICAL} AS canonical FROM audit_events e WHERE e.id = u.id OFFSET 0) AS e ON true
  ORDER BY u.id`;

/** Where a chain goes on: after its last seal, or after what stands for the seals that were dropped. */
const END = `
  SELECT coalesce(seq, 0) AS seq, encode(hash, 'hex') AS hash, frontier,
    ${exactTime('greatest(clock_timestamp(), sealed_at)')} AS now
  FROM (SELECT) AS one LEFT JOIN LATERAL (
    (SELECT seq, hash, frontier, sealed_at FROM audit_seals WHERE tenant = $1 ORDER BY audit_seals.seq DESC LIMIT 1)
    UNION ALL
    (SELECT seq, hash, frontier, sealed_at FROM audit_checkpoints WHERE tenant = $1
     ORDER BY audit_checkpoints.seq DESC LIMIT 1)
    ORDER BY seq DESC LIMIT 1
  ) AS last ON true`;

/** Deletes by a list, not by a join: that reads all that waits of the tenant, at every batch. */
const LINK = `
  WITH link AS (
    SELECT $2::bigint + place AS seq, id, decode(leaf, 'hex') AS leaf, decode(hash, 'hex') AS hash, place
    FROM unnest($3::uuid[], $4::text[], $5::text[]) WITH ORDINALITY AS link(id, leaf, hash, place)
  ), gone AS (
    DELETE FROM audit_unsealed WHERE tenant = $1 AND event_id = ANY($3::uuid[])
  )
  INSERT INTO audit_seals (tenant, seq, event_id, leaf, hash, key_id, sealed_at, root, frontier)
  SELECT $1, seq, id, leaf, hash, $6, $7, CASE WHEN place = cardinality($3) THEN $8::bytea END,
    CASE WHEN place = cardinality($3) THEN $9::bytea END
  FROM link`;

/**
 * Links stored events to the chain of their tenant, and to its Merkle tree. Writers know nothing of chains: they insert
 * side by side, and whichever replica gets the tenant's lock seals what has come, in one transaction for many events.
 */
@Injectable()
export class AuditSealer {
  private readonly keys: SealKeys;

  constructor(
    @InjectDataSource() private readonly source: DataSource,
    @Inject(AUDIT_SETTINGS) { sealSecret, oldSealSecrets, sealIntervalMs: everyMs }: AuditSettings,
    tasks: PeriodicTasks,
  ) {
    this.keys = new SealKeys(sealSecret, oldSealSecrets);
    if (everyMs === 0) return;
    const run = (signal: AbortSignal) => this.seal(signal);
    tasks.add({ name: 'audit-sealer', everyMs, retryMaxMs: MAX_RETRY_MS, run, runsUntilClose: true });
  }

  /** Seals all that is stored, and answers with the number of events; those that another replica seals are not in it. */
  async seal(signal?: AbortSignal): Promise<number> {
    const rows = await this.source.transaction('READ COMMITTED', async (manager) => {
      await manager.query(`SELECT ${SEE_ALL}`);
      return (await manager.query('SELECT DISTINCT tenant FROM audit_unsealed')) as { tenant: string }[];
    });
    let sum = 0;
    for (const { tenant } of rows) {
      for (let after: string | undefined = FIRST; after !== undefined && signal?.aborted !== true;) {
        const { sealed, next }: Batch = await this.sealBatch(tenant, after);
        sum += sealed;
        after = next;
      }
    }
    return sum;
  }

  /** Seals the next events after an id. */
  private async sealBatch(tenant: string, after: string): Promise<Batch> {
    const sealed = await tryWithAdvisoryLock(this.source, `audit-seal:${tenant}`, async (manager) => {
      await manager.query(`SELECT ${SEE_ALL}`);
      const waiting = (await manager.query(WAITING, [tenant, after])) as Waiting[];
      const events = waiting.filter(isThere);
      await this.link(manager, tenant, events);
      return { sealed: events.length, next: waiting.length === BATCH ? waiting.at(-1)?.id : undefined };
    });
    return sealed ?? { sealed: 0 };
  }

  private async link(manager: EntityManager, tenant: string, rows: Stored[]): Promise<void> {
    if (rows.length === 0) return;
    const [end] = (await manager.query(END, [tenant])) as End[];
    const [start, sealedAt] = [Number(end?.seq ?? 0), end?.now ?? ''];
    const tree = CompactRange.of(start, end?.frontier ?? undefined);
    const { current } = this.keys;
    let last = end?.hash ?? genesis(tenant);
    const [leaves, hashes]: [string[], string[]] = [[], []];
    for (const { canonical } of rows) {
      const leaf = leafHash(canonical);
      tree.append(Buffer.from(leaf, 'hex'));
      last = seal(last, { seq: tree.size, leaf, sealedAt }, current);
      leaves.push(leaf);
      hashes.push(last);
    }
    const ids = rows.map(({ id }) => id);
    const values = [tenant, start, ids, leaves, hashes, current.id, sealedAt, tree.root(), tree.frontier()];
    await manager.query(LINK, values);
  }
}
