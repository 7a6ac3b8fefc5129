import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { InjectModuleDataSource, tryWithAdvisoryLock } from '../../database/index.js';
import { PeriodicTasks } from '../../periodic-tasks/index.js';
import { AUDIT_SETTINGS, type AuditSettings } from '../audit.options.js';
import { SEE_ALL } from '../store/audit.scope.js';
import { CANONICAL, exactTime, genesis, seal } from './chain.js';
import { CompactRange, leafHash } from './merkle.js';
import { SealKeys } from './seal-keys.js';

const MAX_EVENTS_PER_BATCH = 1_000;

/** The retries are frequent, because the chain does not protect events without a seal. */
const MAX_RETRY_MS = 5_000;

/** Smaller than every id. */
const MIN_ID = '00000000-0000-0000-0000-000000000000';

interface UnsealedEvent {
  readonly id: string;
  /** Null if the event is missing. The verifier reports it. */
  readonly canonical: string | null;
}

type ExistingEvent = UnsealedEvent & { readonly canonical: string };

const exists = (event: UnsealedEvent): event is ExistingEvent => event.canonical !== null;

interface BatchResult {
  readonly sealed: number;
  /** Id after which the next batch begins; undefined if no event is left, or another replica seals this tenant. */
  readonly next?: string | undefined;
}

interface ChainEnd {
  readonly seq: string;
  readonly hash: string;
  readonly frontier: Buffer;
  readonly now: string;
}

/**
 * Reads unsealed events with one index lookup each. `OFFSET 0` prevents a merge join, which would read all sealed
 * events for every batch.
 */
const SELECT_UNSEALED = `
  SELECT u.id, e.canonical
  FROM (SELECT event_id AS id FROM audit_unsealed WHERE tenant = $1 AND event_id > $2
        ORDER BY event_id LIMIT ${MAX_EVENTS_PER_BATCH}) AS u
  LEFT JOIN LATERAL (SELECT ${CANONICAL} AS canonical FROM audit_events e WHERE e.id = u.id OFFSET 0) AS e ON true
  ORDER BY u.id`;

/** Reads the end of a chain: its last seal, or the checkpoint that represents dropped seals. */
const SELECT_CHAIN_END = `
  SELECT coalesce(seq, 0) AS seq, encode(hash, 'hex') AS hash, frontier,
    ${exactTime('greatest(clock_timestamp(), sealed_at)')} AS now
  FROM (SELECT) AS one LEFT JOIN LATERAL (
    (SELECT seq, hash, frontier, sealed_at FROM audit_seals WHERE tenant = $1 ORDER BY audit_seals.seq DESC LIMIT 1)
    UNION ALL
    (SELECT seq, hash, frontier, sealed_at FROM audit_checkpoints WHERE tenant = $1
     ORDER BY audit_checkpoints.seq DESC LIMIT 1)
    ORDER BY seq DESC LIMIT 1
  ) AS last ON true`;

/** Deletes by a list of ids. A join would read all unsealed events of the tenant for every batch. */
const INSERT_SEALS = `
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
 * Adds stored events to the chain and the Merkle tree of their tenant. Writers insert events in parallel and do not use
 * the chain. The replica that gets the lock of a tenant seals the new events, many in one transaction.
 */
@Injectable()
export class AuditSealer {
  private readonly keys: SealKeys;

  constructor(
    @InjectModuleDataSource() private readonly source: DataSource,
    @Inject(AUDIT_SETTINGS) { sealSecret, oldSealSecrets, sealIntervalMs: everyMs }: AuditSettings,
    tasks: PeriodicTasks,
  ) {
    this.keys = new SealKeys(sealSecret, oldSealSecrets);
    if (everyMs === 0) return;
    const run = (signal: AbortSignal) => this.seal(signal);
    tasks.add({ name: 'audit-sealer', everyMs, retryMaxMs: MAX_RETRY_MS, run, runsUntilClose: true });
  }

  /** Seals all stored events. Returns their number, without events that another replica seals. */
  async seal(signal?: AbortSignal): Promise<number> {
    const rows = await this.source.transaction('READ COMMITTED', async (manager) => {
      await manager.query(`SELECT ${SEE_ALL}`);
      return (await manager.query('SELECT DISTINCT tenant FROM audit_unsealed')) as { tenant: string }[];
    });
    let sum = 0;
    for (const { tenant } of rows) {
      for (let after: string | undefined = MIN_ID; after !== undefined && signal?.aborted !== true;) {
        const { sealed, next }: BatchResult = await this.sealBatch(tenant, after);
        sum += sealed;
        after = next;
      }
    }
    return sum;
  }

  /** Seals the next events after an id. */
  private async sealBatch(tenant: string, after: string): Promise<BatchResult> {
    const sealed = await tryWithAdvisoryLock(this.source, `audit-seal:${tenant}`, async (manager) => {
      await manager.query(`SELECT ${SEE_ALL}`);
      const waiting = (await manager.query(SELECT_UNSEALED, [tenant, after])) as UnsealedEvent[];
      const events = waiting.filter(exists);
      await this.insertSeals(manager, tenant, events);
      return { sealed: events.length, next: waiting.length === MAX_EVENTS_PER_BATCH ? waiting.at(-1)?.id : undefined };
    });
    return sealed ?? { sealed: 0 };
  }

  private async insertSeals(manager: EntityManager, tenant: string, rows: ExistingEvent[]): Promise<void> {
    if (rows.length === 0) return;
    const [end] = (await manager.query(SELECT_CHAIN_END, [tenant])) as ChainEnd[];
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
    await manager.query(INSERT_SEALS, values);
  }
}
