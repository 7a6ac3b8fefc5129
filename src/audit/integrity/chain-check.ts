import { genesis, seal } from './chain.js';
import type { Checkpoint } from './checkpoint.js';
import { CompactRange, leafHash } from './merkle.js';
import type { SealKeys } from './seal-keys.js';
import type { ChainFault, ChainHead, KnownHead } from './verification.js';

/** A seal and its event, as the database gives them; hashes are hexadecimal. */
export interface SealRow {
  readonly tenant: string;
  readonly seq: number;
  readonly eventId: string;
  readonly leaf: string;
  readonly hash: string;
  readonly keyId: string;
  readonly sealedAt: string;
  /** On the last seal of a batch. */
  readonly root: string | null;
  readonly frontier: string | null;
  /** Null where the event is not there. */
  readonly canonical: string | null;
}

/** Where a chain begins that is not checked from its first event on. */
export type ChainStart = Pick<Checkpoint, 'seq' | 'hash' | 'frontier'>;

/** Recomputes the chain of one tenant and its tree, seal by seal. */
export class ChainCheck {
  verified = 0;
  dropped: number;
  fault: ChainFault | undefined;
  private hash: string;
  private readonly tree: CompactRange;
  private isWhole = true;
  private readonly expected: Map<number, KnownHead>;

  constructor(
    readonly tenant: string,
    private readonly keys: SealKeys,
    expected: readonly KnownHead[],
    private readonly droppedBefore = '',
    start?: ChainStart,
  ) {
    this.hash = start?.hash ?? genesis(tenant);
    this.tree = CompactRange.of(start?.seq ?? 0, start ? Buffer.from(start.frontier, 'hex') : undefined);
    this.dropped = start?.seq ?? 0;
    this.expected = new Map(expected.filter(({ seq }) => seq >= this.tree.size).map((head) => [head.seq, head]));
    this.compareHead();
  }

  add(row: SealRow): void {
    if (this.fault) return;
    const at = { tenant: this.tenant, seq: row.seq, eventId: row.eventId };
    const next = this.tree.size + 1;
    if (row.seq > next) return this.fail({ kind: 'gap', tenant: this.tenant, seq: next });
    if (row.seq < next) return this.fail({ kind: 'changed', ...at, detail: 'a seal stands twice' });
    const key = this.keys.byId(row.keyId);
    if (!key) return this.fail({ kind: 'changed', ...at, detail: 'sealed by a key that is not known' });
    if (row.canonical !== null) {
      if (leafHash(row.canonical) !== row.leaf) return this.fail({ kind: 'changed', ...at });
      this.verified++;
    } else if (row.eventId < this.droppedBefore) this.dropped++;
    else return this.fail({ kind: 'missing', ...at });
    this.hash = seal(this.hash, row, key);
    if (this.hash !== row.hash) return this.fail({ kind: 'changed', ...at });
    this.tree.append(Buffer.from(row.leaf, 'hex'));
    this.isWhole = row.root !== null;
    const isTold = row.root !== null || row.frontier !== null;
    if (isTold && !this.hasTree(row)) return this.fail({ kind: 'changed', ...at, detail: 'Merkle root' });
    this.compareHead();
  }

  /** A head that is known and was not met has been cut off; so has the end of a batch that does not end. */
  end(): void {
    if (this.fault) return;
    const [lost] = [...this.expected.keys()].sort((a, b) => a - b);
    if (lost !== undefined) this.fail({ kind: 'truncated', tenant: this.tenant, seq: lost });
    else if (!this.isWhole) this.fail({ kind: 'truncated', tenant: this.tenant, seq: this.tree.size + 1 });
  }

  get head(): ChainHead {
    const { tenant, hash, tree } = this;
    return { tenant, seq: tree.size, hash, root: tree.root().toString('hex') };
  }

  private hasTree({ root, frontier }: SealRow): boolean {
    return this.tree.root().toString('hex') === root && this.tree.frontier().toString('hex') === frontier;
  }

  private compareHead(): void {
    const { size: seq } = this.tree;
    const known = this.expected.get(seq);
    if (!known) return;
    this.expected.delete(seq);
    const isOther = known.hash !== this.hash || (known.root ?? this.head.root) !== this.head.root;
    if (isOther) this.fail({ kind: 'truncated', tenant: this.tenant, seq, detail: 'another head was known here' });
  }

  private fail(fault: ChainFault): void {
    this.fault ??= fault;
  }
}
