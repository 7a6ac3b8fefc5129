/**
 * An approximate LRU map: it keeps about the `size` entries that were used last. It has two generations. An entry that is
 * used moves to the current generation. When the current generation is full, the previous one is dropped. A hit usually
 * costs one lookup, whereas an exact LRU list must be reordered at each hit.
 */
export class LruMap<K, V> {
  private current = new Map<K, V>();
  private previous = new Map<K, V>();
  private readonly maxGenerationSize: number;

  constructor(size: number) {
    this.maxGenerationSize = Math.max(1, Math.ceil(size / 2));
  }

  get(key: K): V | undefined {
    const value = this.current.get(key);
    if (value !== undefined || this.previous.size === 0) return value;
    const previousValue = this.previous.get(key);
    if (previousValue !== undefined) this.set(key, previousValue);
    return previousValue;
  }

  set(key: K, value: V): void {
    this.previous.delete(key);
    this.current.set(key, value);
    if (this.current.size < this.maxGenerationSize) return;
    this.previous = this.current;
    this.current = new Map();
  }

  delete(key: K): void {
    this.current.delete(key);
    this.previous.delete(key);
  }

  clear(): void {
    this.current = new Map();
    this.previous = new Map();
  }

  /** Deletes the entries for which `shouldDelete` returns true. Visits all entries. */
  deleteWhere(shouldDelete: (value: V) => boolean): void {
    for (const generation of [this.current, this.previous]) {
      for (const [key, value] of generation) if (shouldDelete(value)) generation.delete(key);
    }
  }

  get size(): number {
    return this.current.size + this.previous.size;
  }
}
