interface Slot<T> {
  readonly value: T;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** @internal */
export interface MemoryTierOptions {
  maxEntries: number;
  maxBytes: number;
}

/** Estimated size of an entry besides its text: its objects and its slot in the map. */
const OVERHEAD_BYTES = 250;

/** Entries in the memory of this process. When it is full, the least recently used entry is removed. */
export class MemoryTier<T> {
  private readonly slots = new Map<string, Slot<T>>();
  private used = 0;

  constructor(private readonly options: MemoryTierOptions) {}

  get size(): number {
    return this.slots.size;
  }

  get bytes(): number {
    return this.used;
  }

  get(key: string): T | undefined {
    const slot = this.slots.get(key);
    if (slot === undefined) return undefined;
    if (slot.expiresAt <= Date.now()) {
      this.delete(key);
      return undefined;
    }
    // A Map keeps the order of insertion, so inserting the slot again makes it the most recently used.
    this.slots.delete(key);
    this.slots.set(key, slot);
    return slot.value;
  }

  /** @param length number of characters of the value */
  set(key: string, value: T, length: number, expiresAt: number): void {
    this.delete(key);
    const bytes = 2 * (key.length + length) + OVERHEAD_BYTES;
    if (bytes > this.options.maxBytes) return;
    this.slots.set(key, { value, bytes, expiresAt });
    this.used += bytes;
    for (const oldest of this.slots.keys()) {
      if (this.slots.size <= this.options.maxEntries && this.used <= this.options.maxBytes) break;
      this.delete(oldest);
    }
  }

  delete(key: string): boolean {
    const slot = this.slots.get(key);
    if (slot === undefined) return false;
    this.slots.delete(key);
    this.used -= slot.bytes;
    return true;
  }

  clear(): void {
    this.slots.clear();
    this.used = 0;
  }
}
