import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { InjectModuleDataSource } from '../../database/index.js';
import { AUDIT_SETTINGS, type AuditSettings } from '../audit.options.js';
import { SEE_ALL } from '../store/audit.scope.js';
import { firstIdOf } from '../store/months.js';
import { AuditDigests } from './audit.digests.js';
import { AuditSigner } from './audit.signer.js';
import { CANONICAL, exactTime } from './chain.js';
import { ChainCheck, type ChainStart, type SealRow } from './chain-check.js';
import { checkpointText, findLogId, newestCheckpoints, SEALED_TENANTS, type Checkpoint } from './checkpoint.js';
import { SealKeys } from './seal-keys.js';
import type { ChainFault, ChainHead, KnownHead, Verification, VerifyOptions } from './verification.js';

const ROWS_PER_FETCH = 5_000;
const EVENTS_PER_PAGE = 20_000;

/** Each row has the event as one text, and hashes as text, because these are fast to parse and to hash. */
const SEALS = `
  SELECT s.tenant, s.seq, s.event_id, encode(s.leaf, 'hex'), encode(s.hash, 'hex'), s.key_id,
    ${exactTime('s.sealed_at')}, encode(s.root, 'hex'), encode(s.frontier, 'hex'),
    CASE WHEN e.id IS NOT NULL THEN ${CANONICAL} END
  FROM audit_seals s LEFT JOIN audit_events e ON e.id = s.event_id AND coalesce(e.tenant_id, '') = s.tenant
  WHERE ($1::text IS NULL OR s.tenant = $1) AND ($2::timestamptz IS NULL OR s.sealed_at >= $2)
  ORDER BY s.tenant, s.seq`;

/** Finds an event in a range of ids that has no seal and does not wait for one. */
const SELECT_EVENT_OUTSIDE_CHAIN = `
  SELECT 'unsealed' AS kind, coalesce(e.tenant_id, '') AS tenant, e.id AS "eventId" FROM audit_events e
  WHERE e.id > $1 AND e.id <= $2 AND ($3::text IS NULL OR coalesce(e.tenant_id, '') = $3)
    AND NOT EXISTS (SELECT FROM audit_seals s WHERE s.event_id = e.id AND s.event_id > $1 AND s.event_id <= $2)
    AND NOT EXISTS (SELECT FROM audit_unsealed u WHERE u.event_id = e.id AND u.tenant = coalesce(e.tenant_id, ''))
  ORDER BY e.id LIMIT 1`;

const MAX_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

type Columns = [string, string, string, string, string, string, string, string | null, string | null, string | null];

/** The client of pg. Unlike TypeORM, it returns rows as arrays, and queues a statement before the previous one ends. */
interface RawClient {
  query(query: { text: string; values?: unknown[]; rowMode: 'array' }): Promise<{ rows: Columns[] }>;
}

/**
 * Recomputes the chains from the rows, and compares them with heads that are stored outside the database.
 *
 * @publicApi
 */
@Injectable()
export class AuditVerifier {
  private readonly keys: SealKeys;

  /** @internal */
  constructor(
    @InjectModuleDataSource() private readonly source: DataSource,
    @Inject(AUDIT_SETTINGS) settings: AuditSettings,
    private readonly digests: AuditDigests,
    private readonly signer: AuditSigner,
  ) {
    this.keys = new SealKeys(settings.sealSecret, settings.oldSealSecrets);
  }

  /** Verifies one snapshot of the database, however long it takes. */
  async verify(options: VerifyOptions = {}): Promise<Verification> {
    // The digests are read before the snapshot. A later digest would contain heads that the snapshot does not have.
    const digests = await this.digests.check();
    return this.source.transaction('REPEATABLE READ', async (manager) => {
      await manager.query('SET TRANSACTION READ ONLY');
      // The tables are locked before the snapshot. Rows that move to a new partition after the snapshot would be
      // visible in neither partition. Both locks are taken first, to avoid deadlocks.
      await manager.query('LOCK TABLE audit_events, audit_seals IN ACCESS SHARE MODE');
      return this.verifyWithin(manager, options, digests);
    });
  }

  /** @internal */
  async verifyWithin(
    manager: EntityManager,
    options: VerifyOptions,
    digests: { heads: ReadonlyMap<string, ChainHead>; count: number; fault?: ChainFault | undefined },
  ): Promise<Verification> {
    await manager.query(`SELECT ${SEE_ALL}`);
    const checkpoints = new Map<string, Checkpoint>();
    // A database without a trail id has already caused a fault. No signature is valid for an empty id.
    const log = (await findLogId(manager)) ?? '';
    let { fault } = digests;
    for (const checkpoint of await newestCheckpoints(manager, options.tenant)) {
      checkpoints.set(checkpoint.tenant, checkpoint);
      const isSigned = this.signer.verify(checkpointText(log, checkpoint), checkpoint);
      if (!isSigned) fault ??= { kind: 'checkpoint', tenant: checkpoint.tenant, seq: checkpoint.seq };
    }
    const starts = options.from ? await this.sealsBefore(manager, options.from, options.tenant) : undefined;
    const known = headsByTenant([...digests.heads.values(), ...(options.known ?? [])], options.tenant);
    const checks = new Map<string, ChainCheck>();
    const startCheck = (tenant: string) => {
      const checkpoint = checkpoints.get(tenant);
      const start: ChainStart | undefined = starts?.get(tenant) ?? checkpoint;
      const check = new ChainCheck(tenant, this.keys, known.get(tenant) ?? [], checkpoint?.droppedBefore, start);
      checks.set(tenant, check);
      return check;
    };
    let check: ChainCheck | undefined;
    for await (const row of this.seals(manager, options)) {
      if (row.tenant !== check?.tenant) check = startCheck(row.tenant);
      check.add(row);
    }
    for (const tenant of [...known.keys(), ...checkpoints.keys()]) if (!checks.has(tenant)) startCheck(tenant);
    const all = [...checks.values()].sort((a, b) => (a.tenant < b.tenant ? -1 : 1));
    for (const one of all) {
      one.finish();
      fault ??= one.fault;
    }
    fault ??= await this.findEventOutsideChain(manager, options);
    const waiting = (await manager.query(
      'SELECT count(*)::int AS count FROM audit_unsealed WHERE $1::text IS NULL OR tenant = $1',
      [options.tenant ?? null],
    )) as { count: number }[];
    return {
      valid: fault === undefined,
      verified: all.reduce((sum, { verified }) => sum + verified, 0),
      dropped: all.reduce((sum, { dropped }) => sum + dropped, 0),
      unsealed: waiting[0]?.count ?? 0,
      digests: digests.count,
      log,
      heads: all.filter(({ fault: bad, head }) => !bad && head.seq > 0).map(({ head }) => head),
      ...(fault && { fault }),
    };
  }

  /**
   * Reads with a cursor. It requests the next rows before it returns these, so that server and client work in parallel.
   */
  private async *seals(manager: EntityManager, { tenant, from }: VerifyOptions): AsyncGenerator<SealRow> {
    const client = (await manager.queryRunner?.connect()) as RawClient;
    const values = [tenant ?? null, from ?? null];
    // The cursor is read to its end, so the planner must optimize for all rows.
    await manager.query('SET LOCAL cursor_tuple_fraction = 1');
    await client.query({ text: `DECLARE seals NO SCROLL CURSOR FOR ${SEALS}`, values, rowMode: 'array' });
    const fetch = () => client.query({ text: `FETCH ${ROWS_PER_FETCH} FROM seals`, rowMode: 'array' });
    for (let coming = fetch(); ;) {
      const { rows } = await coming;
      if (rows.length === 0) break;
      coming = fetch();
      coming.catch(() => undefined);
      for (const [of, seq, eventId, leaf, hash, keyId, sealedAt, root, frontier, canonical] of rows) {
        yield { tenant: of, seq: Number(seq), eventId, leaf, hash, keyId, sealedAt, root, frontier, canonical };
      }
    }
    await manager.query('CLOSE seals');
  }

  /** The last seal of each tenant before a time. It is the end of a batch, so it has the Merkle tree. */
  private async sealsBefore(manager: EntityManager, from: Date, tenant?: string): Promise<Map<string, ChainStart>> {
    const rows = (await manager.query(
      `SELECT t.tenant, seq, hash, frontier FROM (${SEALED_TENANTS}) AS t JOIN LATERAL (
         SELECT s.seq, encode(s.hash, 'hex') AS hash, encode(s.frontier, 'hex') AS frontier FROM audit_seals s
         WHERE s.tenant = t.tenant AND s.sealed_at < $1 ORDER BY s.seq DESC LIMIT 1
       ) AS last ON frontier IS NOT NULL WHERE $2::text IS NULL OR t.tenant = $2`,
      [from, tenant ?? null],
    )) as (ChainStart & { tenant: string })[];
    return new Map(rows.map((row) => [row.tenant, { ...row, seq: Number(row.seq) }]));
  }

  /** Finds an event that has no seal and does not wait for one, or an event that waits for a seal and is missing. */
  private async findEventOutsideChain(
    manager: EntityManager,
    { tenant, from }: VerifyOptions,
  ): Promise<ChainFault | undefined> {
    // Because of a policy, the planner expects few rows and would use a nested loop, which is slow for many rows.
    await manager.query('SET LOCAL enable_nestloop = off');
    for (let after: string | undefined = firstIdOf(from ?? new Date(0)); after !== undefined;) {
      const [end] = (await manager.query(
        `SELECT id FROM audit_events WHERE id > $1 ORDER BY id OFFSET ${EVENTS_PER_PAGE - 1} LIMIT 1`,
        [after],
      )) as { id: string }[];
      const [outsider] = (await manager.query(SELECT_EVENT_OUTSIDE_CHAIN, [
        after,
        end?.id ?? MAX_ID,
        tenant ?? null,
      ])) as ChainFault[];
      if (outsider) return outsider;
      after = end?.id;
    }
    const [gone] = (await manager.query(
      `SELECT 'missing' AS kind, u.tenant, u.event_id AS "eventId" FROM audit_unsealed u
       WHERE NOT EXISTS (SELECT FROM audit_events e WHERE e.id = u.event_id AND coalesce(e.tenant_id, '') = u.tenant)
         AND ($1::text IS NULL OR u.tenant = $1) ORDER BY u.event_id LIMIT 1`,
      [tenant ?? null],
    )) as ChainFault[];
    return gone;
  }
}

function headsByTenant(heads: readonly KnownHead[], only?: string): Map<string, KnownHead[]> {
  const found = new Map<string, KnownHead[]>();
  for (const head of heads) {
    if (only !== undefined && head.tenant !== only) continue;
    found.set(head.tenant, [...(found.get(head.tenant) ?? []), head]);
  }
  return found;
}
