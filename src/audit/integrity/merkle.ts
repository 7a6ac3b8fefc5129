import { hash } from 'node:crypto';

/** Root of an empty tree. */
const EMPTY_ROOT = hash('sha256', '', 'buffer');

/** RFC 6962, section 2.1: leaves and nodes have different prefixes, so that a node cannot be used as a leaf. @publicApi */
export function leafHash(text: string): string {
  return hash('sha256', `\0${text}`, 'hex');
}

const node = Buffer.alloc(65);
node[0] = 1;

function nodeHash(left: Buffer, right: Buffer): Buffer {
  left.copy(node, 1);
  right.copy(node, 33);
  return hash('sha256', node, 'buffer');
}

/**
 * The right edge of a growing Merkle tree: the roots of the largest complete subtrees of its first `size` leaves, from
 * left to right. Their number is the number of set bits in `size`. They are enough to add leaves and to compute the
 * root.
 */
export class CompactRange {
  private readonly hashes: Buffer[];

  private constructor(
    private leafCount: number,
    hashes: readonly Buffer[],
  ) {
    this.hashes = [...hashes];
  }

  /** @param frontier the result of {@link frontier} at this size */
  static of(size = 0, frontier: Buffer = Buffer.alloc(0)): CompactRange {
    const hashes = Array.from({ length: frontier.length / 32 }, (_, i) => frontier.subarray(i * 32, i * 32 + 32));
    if (hashes.length !== countSetBits(size))
      throw new RangeError(`${hashes.length} hashes are not the frontier of a tree of ${size} leaves`);
    return new CompactRange(size, hashes);
  }

  get size(): number {
    return this.leafCount;
  }

  append(leaf: Buffer): void {
    let hashed = leaf;
    for (let rest = this.leafCount; rest % 2 === 1; rest = (rest - 1) / 2) {
      hashed = nodeHash(this.hashes.pop() ?? hashed, hashed);
    }
    this.hashes.push(hashed);
    this.leafCount++;
  }

  root(): Buffer {
    return this.hashes.length === 0 ? EMPTY_ROOT : this.hashes.reduceRight((right, left) => nodeHash(left, right));
  }

  frontier(): Buffer {
    return Buffer.concat(this.hashes);
  }
}

/**
 * Creates proofs for a tree whose leaves from `start` on are known. The frontier is enough for the leaves before
 * `start`, because a proof for a later leaf needs only the roots of the subtrees before it.
 *
 * @publicApi
 */
export class MerkleTree {
  private readonly before: Map<string, Buffer>;

  constructor(
    private readonly leaves: readonly Buffer[],
    private readonly start = 0,
    frontier: Buffer = Buffer.alloc(0),
  ) {
    this.before = subtrees(start, frontier);
  }

  get size(): number {
    return this.start + this.leaves.length;
  }

  root(size = this.size): Buffer {
    return size === 0 ? EMPTY_ROOT : this.rootOf(0, size);
  }

  /** RFC 6962, section 2.1.1: the hashes between leaf `index` and the root of the first `size` leaves. */
  inclusionProof(index: number, size = this.size): Buffer[] {
    if (index < this.start || index >= size || size > this.size) throw new RangeError(`leaf ${index} is not known`);
    return this.path(index, 0, size);
  }

  /**
   * RFC 6962, section 2.1.2: the hashes that prove that the tree of `size` leaves begins with the tree of `from`
   * leaves.
   */
  consistencyProof(from: number, size = this.size): Buffer[] {
    if (from < this.start || from > size || size > this.size)
      throw new RangeError(`the tree of ${from} leaves is not known`);
    return from === 0 || from === size ? [] : this.subProof(from, 0, size, true);
  }

  private path(index: number, start: number, end: number): Buffer[] {
    if (end - start === 1) return [];
    const middle = start + largestPowerOfTwoBelow(end - start);
    return index < middle
      ? [...this.path(index, start, middle), this.rootOf(middle, end)]
      : [...this.path(index, middle, end), this.rootOf(start, middle)];
  }

  private subProof(from: number, start: number, end: number, isWhole: boolean): Buffer[] {
    if (from === end) return isWhole ? [] : [this.rootOf(start, end)];
    const middle = start + largestPowerOfTwoBelow(end - start);
    return from <= middle
      ? [...this.subProof(from, start, middle, isWhole), this.rootOf(middle, end)]
      : [...this.subProof(from, middle, end, false), this.rootOf(start, middle)];
  }

  private rootOf(start: number, end: number): Buffer {
    const known = this.before.get(`${start}-${end}`);
    if (known) return known;
    if (end - start === 1) {
      const leaf = this.leaves[start - this.start];
      if (!leaf) throw new RangeError(`leaf ${start} is not known`);
      return leaf;
    }
    const middle = start + largestPowerOfTwoBelow(end - start);
    return nodeHash(this.rootOf(start, middle), this.rootOf(middle, end));
  }
}

/** RFC 9162, section 2.1.3.2: whether the tree contains the leaf at this index. @publicApi */
export function verifyInclusion(
  leaf: Buffer,
  index: number,
  size: number,
  proof: readonly Buffer[],
  root: Buffer,
): boolean {
  if (index >= size) return false;
  let [place, last, hashed] = [index, size - 1, leaf];
  for (const step of proof) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      hashed = nodeHash(step, hashed);
      while (place % 2 === 0 && place !== 0) [place, last] = [half(place), half(last)];
    } else {
      hashed = nodeHash(hashed, step);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && hashed.equals(root);
}

/** RFC 9162, section 2.1.4.2: whether the tree of `size` leaves begins with the tree of `from` leaves. @publicApi */
export function verifyConsistency(
  from: number,
  size: number,
  fromRoot: Buffer,
  root: Buffer,
  proof: readonly Buffer[],
): boolean {
  if (from > size) return false;
  if (from === size) return proof.length === 0 && fromRoot.equals(root);
  if (from === 0) return proof.length === 0 && fromRoot.equals(EMPTY_ROOT);
  const path = Number.isInteger(Math.log2(from)) ? [fromRoot, ...proof] : [...proof];
  const first = path.shift();
  if (!first) return false;
  let [place, last] = [from - 1, size - 1];
  while (place % 2 === 1) [place, last] = [half(place), half(last)];
  let [then, now] = [first, first];
  for (const step of path) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      then = nodeHash(step, then);
      now = nodeHash(step, now);
      while (place % 2 === 0 && place !== 0) [place, last] = [half(place), half(last)];
    } else {
      now = nodeHash(now, step);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && then.equals(fromRoot) && now.equals(root);
}

const half = (value: number) => Math.floor(value / 2);

/** The largest power of two below `length`. */
function largestPowerOfTwoBelow(length: number): number {
  let power = 1;
  while (power * 2 < length) power *= 2;
  return power;
}

function countSetBits(value: number): number {
  let count = 0;
  for (let rest = value; rest > 0; rest = half(rest)) count += rest % 2;
  return count;
}

/** The subtree roots of a frontier, by their range of leaves (`start-end`). */
function subtrees(size: number, frontier: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  let start = 0;
  for (let i = 0; start < size; i++) {
    let width = 1;
    while (start + width * 2 <= size) width *= 2;
    found.set(`${start}-${start + width}`, frontier.subarray(i * 32, i * 32 + 32));
    start += width;
  }
  return found;
}
