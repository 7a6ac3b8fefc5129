import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { InjectModuleDataSource, tryWithAdvisoryLock } from '../../database/index.js';
import { AUDIT_SETTINGS, type AuditSettings } from '../audit.options.js';
import { SEE_ALL } from '../store/audit.scope.js';
import { AuditSigner } from './audit.signer.js';
import { findLogId, requireLogId, SEALED_TENANTS } from './checkpoint.js';
import { digestHash, formatDigest, linkAfter, parseDigest, type Digest, type DigestLink } from './digest.js';
import { DigestStore } from './digest.store.js';
import { FileDigestStore } from './file-digest.store.js';
import { TrailIdentity } from './trail-identity.js';
import type { ChainFault, ChainHead } from './verification.js';

/** A head may be older than a digest that does not contain it, because its transaction had not committed yet. */
const OVERLAP = `interval '10 minutes'`;

/**
 * For this time a trail counts as new. A replica may find the first digests in the database while its store is empty.
 */
const NEW_TRAIL_MS = 10 * 60_000;

const LINES_PER_PAGE = 100;

const EMPTY_STORE =
  'the digest store is empty, and the database has digests: restore the store, or set AUDIT_DIGEST_ADOPT=true to copy ' +
  'the digests of the database';

interface DigestRow {
  readonly seq: string;
  readonly hash: string;
  readonly line: string;
}

/** The result of checking the digests. @publicApi */
export interface DigestCheck {
  /** The newest head of each tenant. */
  readonly heads: ReadonlyMap<string, ChainHead>;
  readonly count: number;
  readonly fault?: ChainFault;
}

/**
 * Creates signed digests of the heads of all chains. Each digest contains the hash of the previous one. The digests are
 * copied to a store outside the database, where a person who can change the database has no access.
 *
 * @publicApi
 */
@Injectable()
export class AuditDigests {
  /** The contradiction between the digest store and the database; undefined if there is none. */
  contradiction: string | undefined;
  private readonly logger = new Logger('Audit');
  private readonly store: DigestStore | undefined;
  private readonly identity: TrailIdentity;
  /** Whether this process has seen lines in the store. Such a store is not new, even if it is empty later. */
  private storeHasHadLines = false;

  /** @internal */
  constructor(
    @InjectModuleDataSource() private readonly source: DataSource,
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    private readonly signer: AuditSigner,
  ) {
    const { digests } = settings;
    this.store = typeof digests === 'string' ? new FileDigestStore(digests) : digests;
    this.identity = new TrailIdentity(settings.logId, this.store);
  }

  /**
   * Creates a digest if it is due or `now` is true, and copies missing digests to the store. Only one replica creates a
   * digest at a time; the others skip this step.
   */
  async run({ now = false } = {}): Promise<void> {
    await tryWithAdvisoryLock(this.source, 'audit-digests', async (manager) => {
      await manager.query(`SELECT ${SEE_ALL}`);
      await this.create(manager, now);
    });
    if (this.store) await this.copyToStore(this.store);
  }

  /** Checks that the digests are complete, signed, in order, and of this trail. Returns the heads that they contain. */
  async check(): Promise<DigestCheck> {
    const heads = new Map<string, ChainHead>();
    const log = await this.transaction(findLogId);
    const mismatch = await this.identity.findFault(log);
    if (log === undefined || mismatch !== undefined) return { heads, count: 0, fault: digestFault(mismatch) };
    const lines = this.store ? this.store.lines(log) : this.storedLines();
    let last: DigestLink = { seq: 0, hash: '' };
    for await (const line of lines) {
      const digest = parseDigest(line, this.signer);
      const next = linkAfter(last, log, line, digest);
      if (!next || !digest) {
        return { heads, count: last.seq, fault: { ...digestFault(describeInvalid(digest)), seq: last.seq + 1 } };
      }
      for (const head of digest.heads) heads.set(head.tenant, head);
      last = next;
    }
    const fault = this.store ? await this.compareWithDatabase(last) : undefined;
    return { heads, count: last.seq, ...(fault && { fault }) };
  }

  private async create(manager: EntityManager, isForced: boolean): Promise<void> {
    const [last] = (await manager.query(
      'SELECT seq, hash, line FROM audit_digests ORDER BY audit_digests.seq DESC LIMIT 1',
    )) as DigestRow[];
    // The time comes from the signed line and not from a column. A changed column could prevent a digest or omit heads.
    const lastMadeAt = last && parseDigest(last.line, this.signer)?.madeAt;
    const madeAt = new Date();
    const isDue =
      lastMadeAt === undefined || Date.parse(lastMadeAt) <= madeAt.getTime() - this.settings.digestIntervalMs;
    if (!isDue && !isForced) return;
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
    const line = formatDigest(
      {
        version: 1,
        log: await requireLogId(manager),
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

  /** Copies missing digests to the store. If the store contradicts the database, it stays unchanged as evidence. */
  private async copyToStore(store: DigestStore): Promise<void> {
    const log = await this.transaction(findLogId);
    const contradiction = (await this.identity.findFault(log)) ?? (log && (await this.appendMissing(store, log)));
    if (contradiction !== undefined && this.contradiction === undefined) {
      this.logger.error(`the digests of the audit trail contradict the database: ${contradiction}`);
    }
    this.contradiction = contradiction;
  }

  /** Appends missing digests to the store. Returns the contradiction that prevents it, or undefined. */
  private async appendMissing(store: DigestStore, log: string): Promise<string | undefined> {
    const line = await store.last(log);
    let last: DigestLink = { seq: 0, hash: '' };
    if (line === undefined) {
      if (!(await this.mayFillEmptyStore(store))) return EMPTY_STORE;
    } else {
      const digest = parseDigest(line, this.signer);
      if (!digest) return 'the last digest in the store is not signed by a known key';
      last = { seq: digest.seq, hash: digestHash(line) };
      this.storeHasHadLines = true;
      const fault = await this.compareWithDatabase(last);
      if (fault) return fault.detail;
    }
    for await (const added of this.storedLines(last.seq)) {
      const digest = parseDigest(added, this.signer);
      const next = linkAfter(last, log, added, digest);
      if (!next) return `digest ${last.seq + 1} of the database is not valid: ${describeInvalid(digest)}`;
      await store.append(log, next.seq, added);
      last = next;
      this.storeHasHadLines = true;
    }
    // The store is pinned after the first line. A store that is pinned and empty has therefore lost lines.
    if (last.seq > 0 && (await store.pinned()) === undefined) await store.pin(log);
    return undefined;
  }

  /** Whether digests of the database may be copied to the empty store. Nothing outside the database confirms them. */
  private async mayFillEmptyStore(store: DigestStore): Promise<boolean> {
    if (!(await this.isUnused(store))) return false;
    if (await this.isNewTrail()) return true;
    if (!this.settings.adoptDigests) return false;
    this.logger.warn(
      'the digests of the database are copied to the empty digest store; nothing outside the database confirms them',
    );
    return true;
  }

  /** Whether the store has never had a digest, as far as this process knows. */
  private async isUnused(store: DigestStore): Promise<boolean> {
    return !this.storeHasHadLines && (await store.pinned()) === undefined;
  }

  /** Whether the first digest is so recent, by its signed time, that the store may not have it yet. */
  private async isNewTrail(): Promise<boolean> {
    const [first] = await this.storedPage(0, 1);
    if (!first) return true;
    const madeAt = parseDigest(first.line, this.signer)?.madeAt;
    return madeAt !== undefined && Date.now() - Date.parse(madeAt) < NEW_TRAIL_MS;
  }

  /** Checks that the last digest of the store is also in the database. */
  private async compareWithDatabase({ seq, hash }: DigestLink): Promise<ChainFault | undefined> {
    if (seq === 0) {
      const mayBeEmpty = this.store && (await this.isUnused(this.store)) && (await this.isNewTrail());
      return mayBeEmpty ? undefined : digestFault(EMPTY_STORE);
    }
    const [row] = await this.storedPage(seq - 1, 1);
    if (row?.hash === hash && Number(row.seq) === seq) return undefined;
    return digestFault(
      Number(row?.seq) === seq
        ? `digest ${seq} of the database differs from the store`
        : `digest ${seq} is missing in the database: an older state was restored`,
    );
  }

  private async *storedLines(after = 0): AsyncGenerator<string> {
    for (let last = after; ;) {
      const rows = await this.storedPage(last, LINES_PER_PAGE);
      for (const { line } of rows) yield line;
      if (rows.length < LINES_PER_PAGE) return;
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

function describeInvalid(digest: Digest | undefined): string {
  if (!digest) return 'not signed by a known key';
  return `it has the number ${digest.seq}, and does not follow the previous digest of this trail`;
}

const digestFault = (detail: string | undefined): ChainFault => ({
  kind: 'digest',
  tenant: '',
  ...(detail !== undefined && { detail }),
});
