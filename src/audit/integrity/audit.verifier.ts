import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
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

const FETCH = 5_000;
const PAGE = 20_000;

/** One narrow text a row for the event, hashes as text: what is parsed least, and hashed as it comes. */
const SEALS = `
  SELECT s.tenant, s.seq, s.event_id, encode(s.leaf, 'hex'), encode(s.hash, 'hex'), s.key_id,
    ${exactTime('s.sealed_at')}, encode(s.root, 'hex'), encode(s.frontier, 'hex'),
    CASE WHEN e.id IS NOT NULL THEN ${CANONICAL} END
  FROM audit_seals s LEFT JOIN audit_events e ON e.id = s.event_id AND coalesce(e.tenant_id, '') = s.tenant
  WHERE ($1::text IS NULL OR s.tenant = $1) AND ($2::timestamptz IS NULL OR s.sealed_at >= $2)
  ORDER BY s.tenant, s.seq`;

/** An event of a range of ids that neither has a seal nor waits for one. */
const OUTSIDER = `
  SELECT 'unsealed' AS kind, coalesce(e.tenant_id, '') AS tenant, e.id AS "eventId" FROM audit_events e
  WHERE e.id > $1 AND e.id <= $2 AND ($3::text IS NULL OR coalesce(e.tenant_id, '') = $3)
    AND NOT EXISTS (SELECT FROM audit_seals s WHERE s.event_id = e.id AND s.event_id > $1 AND s.event_id <= $2)
    AND NOT EXISTS (SELECT FROM audit_unsealed u WHERE u.event_id = e.id AND u.tenant = coalesce(e.tenant_id, ''))
  ORDER BY e.id LIMIT 1`;

const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

type Columns = [string, string, string, string, string, string, string, string | null, string | null, string | null];

/** What pg's client can do beyond TypeORM's: rows as arrays, and statements sent before the last was answered. */
interface RawClient {
  query(query: { text: string; values?: unknown[]; rowMode: 'array' }): Promise<{ rows: Columns[] }>;
}

/**
 * Recomputes the chains from the rows, and compares them with what is known of them elsewhere.
 *
 * @publicApi
 */
@Injectable()
export class AuditVerifier {
  private readonly keys: SealKeys;

  constructor(
    @InjectDataSource() private readonly source: DataSource,
    @Inject(AUDIT_SETTINGS) settings: AuditSettings,
    private readonly digests: AuditDigests,
    private readonly signer: AuditSigner,
  ) {
    this.keys = new SealKeys(settings.sealSecret, settings.oldSealSecrets);
  }

  /** Everything is seen as it stood at one moment, however long it takes. */
  async verify(options: VerifyOptions = {}): Promise<Verification> {
    // Before the moment, because a digest made after it would know more.
    const kept = await this.digests.check();
    return this.source.transaction('REPEATABLE READ', async (manager) => {
      await manager.query('SET TRANSACTION READ ONLY');
      // Before the moment as well: partitions come and go for everybody at once, and rows that move to another would be
      // in neither for who looks at an earlier moment. All at once, so that nobody waits for this and is waited for.
      await manager.query('LOCK TABLE audit_events, audit_seals IN ACCESS SHARE MODE');
      return this.verifyWithin(manager, options, kept);
    });
  }

  /** @internal */
  async verifyWithin(
    manager: EntityManager,
    options: VerifyOptions,
    kept: { heads: ReadonlyMap<string, ChainHead>; count: number; fault?: ChainFault | undefined },
  ): Promise<Verification> {
    await manager.query(`SELECT ${SEE_ALL}`);
    const checkpoints = new Map<string, Checkpoint>();
    // Where there is none, that is a fault already, and no signature holds.
    const log = (await findLogId(manager)) ?? '';
    let { fault } = kept;
    for (const checkpoint of await newestCheckpoints(manager, options.tenant)) {
      checkpoints.set(checkpoint.tenant, checkpoint);
      const isSigned = this.signer.verify(checkpointText(log, checkpoint), checkpoint);
      if (!isSigned) fault ??= { kind: 'checkpoint', tenant: checkpoint.tenant, seq: checkpoint.seq };
    }
    const starts = options.from ? await this.sealsBefore(manager, options.from, options.tenant) : undefined;
    const known = headsByTenant([...kept.heads.values(), ...(options.known ?? [])], options.tenant);
    const checks = new Map<string, ChainCheck>();
    const checkOf = (tenant: string) => {
      const checkpoint = checkpoints.get(tenant);
      const start: ChainStart | undefined = starts?.get(tenant) ?? checkpoint;
      const check = new ChainCheck(tenant, this.keys, known.get(tenant) ?? [], checkpoint?.droppedBefore, start);
      checks.set(tenant, check);
      return check;
    };
    let check: ChainCheck | undefined;
    for await (const row of this.seals(manager, options)) {
      if (row.tenant !== check?.tenant) check = checkOf(row.tenant);
      check.add(row);
    }
    for (const tenant of [...known.keys(), ...checkpoints.keys()]) if (!checks.has(tenant)) checkOf(tenant);
    const all = [...checks.values()].sort((a, b) => (a.tenant < b.tenant ? -1 : 1));
    for (const one of all) {
      one.end();
      fault ??= one.fault;
    }
    fault ??= await this.findOutsiders(manager, options);
    const waiting = (await manager.query(
      'SELECT count(*)::int AS count FROM audit_unsealed WHERE $1::text IS NULL OR tenant = $1',
      [options.tenant ?? null],
    )) as { count: number }[];
    return {
      valid: fault === undefined,
      verified: all.reduce((sum, { verified }) => sum + verified, 0),
      dropped: all.reduce((sum, { dropped }) => sum + dropped, 0),
      unsealed: waiting[0]?.count ?? 0,
      digests: kept.count,
      log,
      heads: all.filter(({ fault: bad, head }) => !bad && head.seq > 0).map(({ head }) => head),
      ...(fault && { fault }),
    };
  }

  /** By a cursor; the next rows are asked for before these are hashed, so that server and client work side by side. */
  private async *seals(manager: EntityManager, { tenant, from }: VerifyOptions): AsyncGenerator<SealRow> {
    const client = (await manager.queryRunner?.connect()) as RawClient;
    const values = [tenant ?? null, from ?? null];
    // It will be read to its end, and is to be planned for that.
    await manager.query('SET LOCAL cursor_tuple_fraction = 1');
    await client.query({ text: `DECLARE seals NO SCROLL CURSOR FOR ${SEALS}`, values, rowMode: 'array' });
    const fetch = () => client.query({ text: `FETCH ${FETCH} FROM seals`, rowMode: 'array' });
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

  /** The last seal of each tenant before a time. It ends a batch, so that its tree is known. */
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

  /** Events that neither have a seal nor wait for one, and what waits for one and is gone. */
  private async findOutsiders(
    manager: EntityManager,
    { tenant, from }: VerifyOptions,
  ): Promise<ChainFault | undefined> {
    // A policy lets the planner expect few rows, and many are then looked up in a list, each from its beginning.
    await manager.query('SET LOCAL enable_nestloop = off');
    for (let after: string | undefined = firstIdOf(from ?? new Date(0)); after !== undefined;) {
      const [end] = (await manager.query(
        `SELECT id FROM audit_events WHERE id > $1 ORDER BY id OFFSET ${PAGE - 1} LIMIT 1`,
        [after],
      )) as { id: string }[];
      const [outsider] = (await manager.query(OUTSIDER, [after, end?.id ?? LAST_ID, tenant ?? null])) as ChainFault[];
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
