import { Inject, Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { tryWithAdvisoryLock } from '../../database/index.js';
import { AUDIT_SETTINGS, type AuditSettings } from '../audit.options.js';
import { SEE_ALL } from '../store/audit.scope.js';
import { AuditSigner } from './audit.signer.js';
import { findLogId, logId, SEALED_TENANTS } from './checkpoint.js';
import { digestHash, digestLine, linkAfter, parsedDigest, type Digest, type DigestLink } from './digest.js';
import { DigestStore } from './digest.store.js';
import { FileDigestStore } from './file-digest.store.js';
import { TrailIdentity } from './trail-identity.js';
import type { ChainFault, ChainHead } from './verification.js';

/** A chain's head may be older than the digest that does not have it: its transaction was not over. */
const OVERLAP = `interval '10 minutes'`;

/** Replicas that start together with a new trail may find its first digests in the database before they have a store. */
const NEW_TRAIL_MS = 10 * 60_000;

const PAGE = 100;

const EMPTY_STORE =
  'the digest store is empty, and the database has digests: bring the store back, or set AUDIT_DIGEST_ADOPT=true to take ' +
  'what the database has';

interface DigestRow {
  readonly seq: string;
  readonly hash: string;
  readonly line: string;
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
  private readonly identity: TrailIdentity;
  /** The store has been seen with lines, so that it cannot be a new one. */
  private hasSeenLines = false;

  constructor(
    @InjectDataSource() private readonly source: DataSource,
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    private readonly signer: AuditSigner,
  ) {
    const { digests } = settings;
    this.store = typeof digests === 'string' ? new FileDigestStore(digests) : digests;
    this.identity = new TrailIdentity(settings.logId, this.store);
  }

  /**
   * Makes a digest, if one is due or `now` is set, and brings to the store what it does not have. While another replica
   * makes one, it is left to that one.
   */
  async run({ now = false } = {}): Promise<void> {
    await tryWithAdvisoryLock(this.source, 'audit-digests', async (manager) => {
      await manager.query(`SELECT ${SEE_ALL}`);
      await this.make(manager, now);
    });
    if (this.store) await this.bringOut(this.store);
  }

  /** Whether the digests are whole, signed, in order and those of this trail, and what they say. */
  async check(): Promise<KeptDigests> {
    const heads = new Map<string, ChainHead>();
    const log = await this.transaction(findLogId);
    const mismatch = await this.identity.faultOf(log);
    if (log === undefined || mismatch !== undefined) return { heads, count: 0, fault: digestFault(mismatch) };
    const lines = this.store ? this.store.lines(log) : this.storedLines();
    let last: DigestLink = { seq: 0, hash: '' };
    for await (const line of lines) {
      const digest = parsedDigest(line, this.signer);
      const next = linkAfter(last, log, line, digest);
      if (!next || !digest) {
        return { heads, count: last.seq, fault: { ...digestFault(wrong(digest)), seq: last.seq + 1 } };
      }
      for (const head of digest.heads) heads.set(head.tenant, head);
      last = next;
    }
    const fault = this.store ? await this.compare(last) : undefined;
    return { heads, count: last.seq, ...(fault && { fault }) };
  }

  private async make(manager: EntityManager, isWanted: boolean): Promise<void> {
    const [last] = (await manager.query(
      'SELECT seq, hash, line FROM audit_digests ORDER BY audit_digests.seq DESC LIMIT 1',
    )) as DigestRow[];
    // As signed, and not as the columns say: those could keep a digest from being made, or heads out of it.
    const lastMadeAt = last && parsedDigest(last.line, this.signer)?.madeAt;
    const madeAt = new Date();
    const isDue =
      lastMadeAt === undefined || Date.parse(lastMadeAt) <= madeAt.getTime() - this.settings.digestIntervalMs;
    if (!isDue && !isWanted) return;
    const heads = (await manager.query(
      `SELECT t.tenant, head.seq, encode(head.hash, 'hex') AS hash, encode(head.root, 'hex') AS root
       FROM (${SEALED_TENANTS}) AS t CROSS JOIN LATERAL (
         SELECT s.seq, s.hash, s.root, s.sealed_at FROM audit_seals s WHERE s.tenant = t.tenant ORDER BY s.seq DESC LIMIT 1
       ) AS head
       WHERE head.sealed_at > coalesce($1::timestamptz - ${OVERLAP}, '-infinity')
       ORDER BY t.tenant`,
      [lastMadeAt ?? null],
    )) as ChainHead[];
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
    const log = await this.transaction(findLogId);
    const contradiction = (await this.identity.faultOf(log)) ?? (log && (await this.addTo(store, log)));
    if (contradiction !== undefined && this.contradiction === undefined) {
      this.logger.error(`the digests of the audit trail contradict the database: ${contradiction}`);
    }
    this.contradiction = contradiction;
  }

  /** What keeps digests from being added; undefined where the store has them all. */
  private async addTo(store: DigestStore, log: string): Promise<string | undefined> {
    const line = await store.last(log);
    let last: DigestLink = { seq: 0, hash: '' };
    if (line === undefined) {
      if (!(await this.mayFill(store))) return EMPTY_STORE;
    } else {
      const digest = parsedDigest(line, this.signer);
      if (!digest) return 'the last digest in the store is not signed by a known key';
      last = { seq: digest.seq, hash: digestHash(line) };
      this.hasSeenLines = true;
      const fault = await this.compare(last);
      if (fault) return fault.detail;
    }
    for await (const added of this.storedLines(last.seq)) {
      const digest = parsedDigest(added, this.signer);
      const next = linkAfter(last, log, added, digest);
      if (!next) return `digest ${last.seq + 1} of the database is not one: ${wrong(digest)}`;
      await store.append(log, next.seq, added);
      last = next;
      this.hasSeenLines = true;
    }
    // After the first line: a store that is pinned and empty has lost something.
    if (last.seq > 0 && (await store.pinned()) === undefined) await store.pin(log);
    return undefined;
  }

  /** Whether an empty store may take what the database has, which nothing outside confirms. */
  private async mayFill(store: DigestStore): Promise<boolean> {
    if (!(await this.isUnused(store))) return false;
    if (await this.isNewTrail()) return true;
    if (!this.settings.adoptDigests) return false;
    this.logger.warn('the digest store was empty and takes the digests of the database; nothing outside confirms them');
    return true;
  }

  /** Whether nothing shows that the store has ever had a digest. */
  private async isUnused(store: DigestStore): Promise<boolean> {
    return !this.hasSeenLines && (await store.pinned()) === undefined;
  }

  /** Whether the first digest, by its signed time, is so recent that the store may not have it yet. */
  private async isNewTrail(): Promise<boolean> {
    const [first] = await this.storedPage(0, 1);
    if (!first) return true;
    const madeAt = parsedDigest(first.line, this.signer)?.madeAt;
    return madeAt !== undefined && Date.now() - Date.parse(madeAt) < NEW_TRAIL_MS;
  }

  /** What the store has last has to be in the database as well. */
  private async compare({ seq, hash }: DigestLink): Promise<ChainFault | undefined> {
    if (seq === 0) {
      const mayBeEmpty = this.store && (await this.isUnused(this.store)) && (await this.isNewTrail());
      return mayBeEmpty ? undefined : digestFault(EMPTY_STORE);
    }
    const [row] = await this.storedPage(seq - 1, 1);
    if (row?.hash === hash && Number(row.seq) === seq) return undefined;
    return digestFault(
      Number(row?.seq) === seq
        ? `digest ${seq} is another one there`
        : `digest ${seq} is not there: an older state was restored`,
    );
  }

  private async *storedLines(after = 0): AsyncGenerator<string> {
    for (let last = after; ;) {
      const rows = await this.storedPage(last, PAGE);
      for (const { line } of rows) yield line;
      if (rows.length < PAGE) return;
      last = Number(rows.at(-1)?.seq);
    }
  }

  private storedPage(after: number, limit: number): Promise<DigestRow[]> {
    return this.transaction((manager) =>
      manager.query('SELECT seq, hash, line FROM audit_digests WHERE seq > $1 ORDER BY seq LIMIT $2', [after, limit]),
    );
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

const digestFault = (detail: string | undefined): ChainFault => ({
  kind: 'digest',
  tenant: '',
  ...(detail !== undefined && { detail }),
});
