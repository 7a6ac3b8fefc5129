import { Inject, Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { alone } from '../../database/index.js';
import { AUDIT_SETTINGS, type AuditSettings } from '../audit.options.js';
import { SEE_ALL } from '../store/audit.scope.js';
import { AuditSigner } from './audit.signer.js';
import { SEALED_TENANTS, logId } from './checkpoint.js';
import { digestHash, digestLine, parsedDigest, type Digest } from './digest.js';
import { DigestStore } from './digest.store.js';
import { FileDigestStore } from './file-digest.store.js';
import type { ChainFault, ChainHead } from './verification.js';

/** Key of the advisory lock under which one replica makes a digest. "dgst" in ASCII. */
const DIGEST_LOCK = 0x64677374;

/** A chain's head may be older than the digest that does not have it: its transaction was not over. */
const OVERLAP = `interval '10 minutes'`;

interface DigestRow {
  readonly seq: string;
  readonly hash: string;
  readonly line: string;
  readonly isDue: boolean;
}

/** What the digests say, and what is wrong with them. */
export interface KeptDigests {
  /** The newest head of each tenant. */
  readonly heads: ReadonlyMap<string, ChainHead>;
  readonly count: number;
  readonly fault?: ChainFault;
}

/**
 * Says from time to time where the chains stand, signed, each time naming what was said before, and has it kept where
 * who changes the database cannot reach it.
 *
 * @publicApi
 */
@Injectable()
export class AuditDigests {
  /** Set while the store outside and the database contradict each other. */
  contradiction: string | undefined;
  private readonly logger = new Logger('Audit');
  private readonly store: DigestStore | undefined;

  constructor(
    @InjectDataSource() private readonly source: DataSource,
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    private readonly signer: AuditSigner,
  ) {
    const { digests } = settings;
    this.store = typeof digests === 'string' ? new FileDigestStore(digests) : digests;
  }

  /**
   * Makes a digest, if one is due or `now` is set, and brings to the store what it does not have. While another replica
   * makes one, it is left to that one.
   */
  async run({ now = false } = {}): Promise<void> {
    await alone(this.source, DIGEST_LOCK, async (manager) => {
      await manager.query(`SELECT ${SEE_ALL}`);
      await this.make(manager, now);
    });
    if (this.store) await this.bringOut(this.store);
  }

  /** Whether the digests are whole, signed and in order, and what they say. */
  async check(): Promise<KeptDigests> {
    const log = await this.transaction(logId);
    const lines = this.store ? this.store.lines(log) : this.storedLines();
    const heads = new Map<string, ChainHead>();
    let before = '';
    let count = 0;
    for await (const line of lines) {
      const seq = count + 1;
      const digest = parsedDigest(line, this.signer);
      const isNext = digest?.log === log && digest.seq === seq && digest.previous === before;
      if (!isNext) return { heads, count, fault: { kind: 'digest', tenant: '', seq, detail: wrong(digest) } };
      for (const head of digest.heads) heads.set(head.tenant, head);
      before = digestHash(line);
      count = seq;
    }
    const fault = this.store ? await this.compare(count, before) : undefined;
    return { heads, count, ...(fault && { fault }) };
  }

  private async make(manager: EntityManager, isWanted: boolean): Promise<void> {
    const [last] = (await manager.query(
      `SELECT seq, hash, line, made_at <= now() - $1 * interval '1 ms' AS "isDue"
       FROM audit_digests ORDER BY audit_digests.seq DESC LIMIT 1`,
      [this.settings.digestIntervalMs],
    )) as DigestRow[];
    if (last && !last.isDue && !isWanted) return;
    const heads = (await manager.query(
      `SELECT t.tenant, head.seq, encode(head.hash, 'hex') AS hash, encode(head.root, 'hex') AS root
       FROM (${SEALED_TENANTS}) AS t CROSS JOIN LATERAL (
         SELECT s.seq, s.hash, s.root, s.sealed_at FROM audit_seals s WHERE s.tenant = t.tenant ORDER BY s.seq DESC LIMIT 1
       ) AS head
       WHERE head.sealed_at > coalesce((SELECT max(made_at) FROM audit_digests) - ${OVERLAP}, '-infinity')
       ORDER BY t.tenant`,
    )) as ChainHead[];
    const madeAt = new Date();
    const seq = Number(last?.seq ?? 0) + 1;
    const line = digestLine(
      {
        version: 1,
        log: await logId(manager),
        seq,
        previous: last?.hash ?? '',
        madeAt: madeAt.toISOString(),
        heads: heads.map((head) => ({ ...head, seq: Number(head.seq) })),
      },
      this.signer,
    );
    await manager.query('INSERT INTO audit_digests (seq, made_at, hash, line) VALUES ($1, now(), $2, $3)', [
      seq,
      digestHash(line),
      line,
    ]);
  }

  /** Nothing is added to a store that says otherwise: it is the witness. */
  private async bringOut(store: DigestStore): Promise<void> {
    const log = await this.transaction(logId);
    const last = await store.last(log);
    const after = last === undefined ? 0 : (parsedDigest(last, this.signer)?.seq ?? Number.NaN);
    const fault = Number.isNaN(after) ? 'the last digest in the store is not signed by a known key' : undefined;
    const contradiction = fault ?? (await this.compare(after, last === undefined ? '' : digestHash(last)))?.detail;
    if (contradiction !== undefined && this.contradiction === undefined) {
      this.logger.error(`the digests of the audit trail show that the database was changed: ${contradiction}`);
    }
    this.contradiction = contradiction;
    if (contradiction !== undefined) return;
    for await (const line of this.storedLines(after)) {
      const { seq } = JSON.parse(line) as Digest;
      await store.append(log, seq, line);
    }
  }

  /** What the store has last has to be in the database as well. */
  private async compare(seq: number, hash: string): Promise<ChainFault | undefined> {
    if (seq === 0) return undefined;
    const [row] = await this.transaction(
      async (manager) =>
        (await manager.query('SELECT hash FROM audit_digests WHERE seq = $1', [seq])) as { hash: string }[],
    );
    if (row?.hash === hash) return undefined;
    const detail = row
      ? `digest ${seq} is another one there`
      : `digest ${seq} is not there: an older state was restored`;
    return { kind: 'digest', tenant: '', seq, detail };
  }

  private async *storedLines(after = 0): AsyncGenerator<string> {
    for (let last = after; ;) {
      const rows = await this.transaction(
        async (manager) =>
          (await manager.query('SELECT seq, line FROM audit_digests WHERE seq > $1 ORDER BY seq LIMIT 100', [
            last,
          ])) as DigestRow[],
      );
      for (const { line } of rows) yield line;
      if (rows.length < 100) return;
      last = Number(rows.at(-1)?.seq);
    }
  }

  private transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.source.transaction('READ COMMITTED', async (manager) => {
      await manager.query(`SELECT ${SEE_ALL}`);
      return work(manager);
    });
  }
}

function wrong(digest: Digest | undefined): string {
  if (!digest) return 'not signed by a known key';
  return `digest ${digest.seq} stands here, or does not follow the one before`;
}
