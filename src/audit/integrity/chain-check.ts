import { genesis, seal } from './chain.js';
import type { Checkpoint } from './checkpoint.js';
import { CompactRange, leafHash } from './merkle.js';
import type { SealKeys } from './seal-keys.js';
import type { ChainFault, ChainHead, KnownHead } from './verification.js';

/** A seal and its event, as read from the database. Hashes are hexadecimal. */
export interface SealRow {
  readonly tenant: string;
  readonly seq: number;
  readonly eventId: string;
  readonly leaf: string;
  readonly hash: string;
  readonly keyId: string;
  readonly sealedAt: string;
  /** Only the last seal of a batch has it. */
  readonly root: string | null;
  readonly frontier: string | null;
  /** Null if the event is missing. */
  readonly canonical: string | null;
}

/** The start of a check that does not begin with the first event of the chain. */
export type ChainStart = Pick<Checkpoint, 'seq' | 'hash' | 'frontier'>;

/** Recomputes the chain and the Merkle tree of one tenant, seal by seal. */
export class ChainCheck {
  verified = 0;
  dropped: number;
  fault: ChainFault | undefined;
  private hash: string;
  private readonly tree: CompactRange;
  private isBatchComplete = true;
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
    if (row.seq < next) return this.fail({ kind: 'changed', ...at, detail: 'a seal occurs twice' });
    const key = this.keys.byId(row.keyId);
    if (!key) return this.fail({ kind: 'changed', ...at, detail: 'sealed with an unknown key' });
    if (row.canonical !== null) {
      if (leafHash(row.canonical) !== row.leaf) return this.fail({ kind: 'changed', ...at });
      this.verified++;
    } else if (row.eventId < this.droppedBefore) this.dropped++;
    else return this.fail({ kind: 'missing', ...at });
    this.hash = seal(this.hash, row, key);
    if (this.hash !== row.hash) return this.fail({ kind: 'changed', ...at });
    this.tree.append(Buffer.from(row.leaf, 'hex'));
    this.isBatchComplete = row.root !== null;
    const hasStoredTree = row.root !== null || row.frontier !== null;
    if (hasStoredTree && !this.matchesTree(row))
      return this.fail({ kind: 'changed', ...at, detail: 'the Merkle tree differs' });
    this.compareHead();
  }

  /** The chain is truncated if a known head was not reached, or if its last batch is incomplete. */
  finish(): void {
    if (this.fault) return;
    const [missing] = [...this.expected.keys()].sort((a, b) => a - b);
    if (missing !== undefined) this.fail({ kind: 'truncated', tenant: this.tenant, seq: missing });
    else if (!this.isBatchComplete) this.fail({ kind: 'truncated', tenant: this.tenant, seq: this.tree.size + 1 });
  }

  get head(): ChainHead {
    const { tenant, hash, tree } = this;
    return { tenant, seq: tree.size, hash, root: tree.root().toString('hex') };
  }

  private matchesTree({ root, frontier }: SealRow): boolean {
    return this.tree.root().toString('hex') === root && this.tree.frontier().toString('hex') === frontier;
  }

  private compareHead(): void {
    const { size: seq } = this.tree;
    const known = this.expected.get(seq);
    if (!known) return;
    this.expected.delete(seq);
    const isDifferent = known.hash !== this.hash || (known.root ?? this.head.root) !== this.head.root;
    if (isDifferent) this.fail({ kind: 'truncated', tenant: this.tenant, seq, detail: 'the known head differs' });
  }

  private fail(fault: ChainFault): void {
    this.fault ??= fault;
  }
}
