/**
 * A map that keeps about the `size` entries used last. It holds two generations: what is used moves to the young one, and
 * when that is full, the old one goes. So a hit costs one look-up, where a list in the order of use would be rewritten.
 */
export class RecentMap<K, V> {
  private young = new Map<K, V>();
  private old = new Map<K, V>();
  private readonly half: number;

  constructor(size: number) {
    this.half = Math.max(1, Math.ceil(size / 2));
  }

  get(key: K): V | undefined {
    const value = this.young.get(key);
    if (value !== undefined || this.old.size === 0) return value;
    const earlier = this.old.get(key);
    if (earlier !== undefined) this.set(key, earlier);
    return earlier;
  }

  set(key: K, value: V): void {
    this.old.delete(key);
    this.young.set(key, value);
    if (this.young.size < this.half) return;
    this.old = this.young;
    this.young = new Map();
  }

  delete(key: K): void {
    this.young.delete(key);
    this.old.delete(key);
  }

  clear(): void {
    this.young = new Map();
    this.old = new Map();
  }

  /** Removes what `isGone` says, which is a walk over all. */
  deleteWhere(isGone: (value: V) => boolean): void {
    for (const generation of [this.young, this.old]) {
      for (const [key, value] of generation) if (isGone(value)) generation.delete(key);
    }
  }

  get size(): number {
    return this.young.size + this.old.size;
  }
}
