import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { AUDIT_SETTINGS, type AuditSettings } from './audit.options.js';
import { CANONICAL_COLUMNS, Sealing, type CanonicalRow } from './chain.js';

const BATCH = 2_000;

/** The end of a chain. Kept elsewhere, it proves later that the chain was not cut before it. @publicApi */
export interface ChainHead {
  readonly tenant: string;
  readonly seq: string;
  /** Hexadecimal. */
  readonly hash: string;
}

/** What was found wrong first. @publicApi */
export interface ChainFault {
  /**
   * `missing`: an event is gone. `changed`: an event, its seal, or what stands before it is not what was sealed.
   * `gap`: seals are gone. `unsealed`: an event was put past the chain. `truncated`: the chain ends before a head that
   * was given, or another stands there.
   */
  readonly kind: 'missing' | 'changed' | 'gap' | 'unsealed' | 'truncated';
  readonly tenant: string;
  readonly seq?: string;
  readonly eventId?: string;
}

/** @publicApi */
export interface Verification {
  readonly valid: boolean;
  readonly verified: number;
  /** Stored events that wait for their seal; the next run seals them. */
  readonly unsealed: number;
  readonly heads: readonly ChainHead[];
  readonly fault?: ChainFault;
}

type SealedRow = CanonicalRow & { readonly seal_hash: string; readonly seq: string; readonly event_id: string };

/**
 * Recomputes the chains from the rows.
 *
 * @publicApi
 */
@Injectable()
export class AuditVerifier {
  private readonly sealing: Sealing;

  constructor(
    @InjectDataSource() private readonly source: DataSource,
    @Inject(AUDIT_SETTINGS) settings: AuditSettings,
  ) {
    this.sealing = new Sealing(settings.sealSecret);
  }

  /** @param known heads of earlier runs, kept where who changes the database cannot reach them */
  async verify(known: readonly ChainHead[] = []): Promise<Verification> {
    const tenants = new Set(known.map(({ tenant }) => tenant));
    for (const { tenant } of await this.query<{ tenant: string }>('SELECT DISTINCT tenant FROM audit_seals')) {
      tenants.add(tenant);
    }
    const heads: ChainHead[] = [];
    let verified = 0;
    let fault: ChainFault | undefined;
    for (const tenant of [...tenants].sort()) {
      const chain = await this.verifyChain(
        tenant,
        known.filter((head) => head.tenant === tenant),
      );
      verified += chain.verified;
      if (chain.head) heads.push(chain.head);
      fault ??= chain.fault;
    }
    fault ??= await this.findOutsiders();
    const [waiting] = await this.query<{ count: number }>('SELECT count(*)::int AS count FROM audit_unsealed');
    return { valid: fault === undefined, verified, unsealed: waiting?.count ?? 0, heads, ...(fault && { fault }) };
  }

  private async verifyChain(
    tenant: string,
    known: readonly ChainHead[],
  ): Promise<{ verified: number; head?: ChainHead; fault?: ChainFault }> {
    const expected = new Map(known.map(({ seq, hash }) => [seq, hash]));
    let hash = this.sealing.genesis(tenant);
    let seq = 0n;
    for (;;) {
      const rows = await this.rowsAfter(tenant, seq);
      for (const { seal_hash: sealHash, seq: place, event_id: eventId, ...row } of rows) {
        const at = { tenant, seq: place, eventId };
        const verified = Number(seq);
        if (BigInt(place) !== seq + 1n) return { verified, fault: { kind: 'gap', tenant, seq: String(seq + 1n) } };
        seq++;
        if (row['id'] === null) return { verified, fault: { kind: 'missing', ...at } };
        hash = this.sealing.next(hash, seq, row);
        if (hash.toString('hex') !== sealHash) return { verified, fault: { kind: 'changed', ...at } };
        const isOther = expected.has(place) && expected.get(place) !== sealHash;
        if (isOther) return { verified, fault: { kind: 'truncated', ...at } };
        expected.delete(place);
      }
      if (rows.length < BATCH) break;
    }
    const head = { tenant, seq: String(seq), hash: hash.toString('hex') };
    const [lost] = expected.keys();
    const fault = lost === undefined ? undefined : ({ kind: 'truncated', tenant, seq: lost } as const);
    return { verified: Number(seq), head, fault };
  }

  private rowsAfter(tenant: string, seq: bigint): Promise<SealedRow[]> {
    return this.query(
      `SELECT encode(s.hash, 'hex') AS seal_hash, s.seq, s.event_id, ${CANONICAL_COLUMNS}
       FROM audit_seals s LEFT JOIN audit_events e ON e.id = s.event_id AND coalesce(e.tenant_id, '') = s.tenant
       WHERE s.tenant = $1 AND s.seq > $2 ORDER BY s.seq LIMIT ${BATCH}`,
      [tenant, String(seq)],
    );
  }

  /** Events that neither have a seal nor wait for one, and what waits for one and is gone. */
  private async findOutsiders(): Promise<ChainFault | undefined> {
    const [outsider] = await this.query<{ kind: 'unsealed' | 'missing'; tenant: string; eventId: string }>(
      `(SELECT 'unsealed' AS kind, coalesce(e.tenant_id, '') AS tenant, e.id AS "eventId" FROM audit_events e
        WHERE NOT EXISTS (SELECT FROM audit_seals s WHERE s.event_id = e.id)
          AND NOT EXISTS (SELECT FROM audit_unsealed u WHERE u.tenant = coalesce(e.tenant_id, '') AND u.event_id = e.id)
        ORDER BY e.id LIMIT 1)
       UNION ALL
       (SELECT 'missing', u.tenant, u.event_id FROM audit_unsealed u
        WHERE NOT EXISTS (SELECT FROM audit_events e WHERE e.id = u.event_id) ORDER BY u.event_id LIMIT 1)`,
    );
    return outsider;
  }

  private query<T>(sql: string, values: unknown[] = []): Promise<T[]> {
    return this.source.query(sql, values) as Promise<T[]>;
  }
}
