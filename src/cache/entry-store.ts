import { isCurrent, storageTtlMs, readEntry, writeEntry, type Entry } from './entry.js';
import type { MemoryTier } from './memory.tier.js';
import type { RedisTier } from './redis.tier.js';
import type { TagVersions } from './tag-versions.js';

/** Entries in both tiers. Entries with a tag that was invalidated after their load began are not returned. */
export class EntryStore {
  constructor(
    private readonly memory: MemoryTier<Entry>,
    private readonly redis: RedisTier | undefined,
    private readonly versions: TagVersions,
  ) {}

  /** Returns a promise only if a version of its tags has to be read from Redis. */
  findInMemory(id: string): Entry | undefined | Promise<Entry | undefined> {
    return this.validate(this.memory.get(id));
  }

  /** An entry that is found is stored in memory, too. */
  async findInRedis(id: string): Promise<Entry | undefined> {
    const stored = await this.redis?.get(`entry:${id}`);
    const entry = typeof stored === 'string' ? await this.validate(readEntry(stored)) : undefined;
    if (entry) this.setInMemory(id, entry);
    return entry;
  }

  async set(id: string, entry: Entry): Promise<void> {
    this.setInMemory(id, entry);
    await this.redis?.set(`entry:${id}`, writeEntry(entry), storageTtlMs(entry));
  }

  /** Changes the estimated size of an entry in memory. @param weight its size as a multiple of the size of its text */
  setWeight(id: string, entry: Entry, weight: number): void {
    if (this.memory.get(id) === entry) this.setInMemory(id, entry, weight);
  }

  /** Returns the entry if it is current. */
  validate(entry: Entry | undefined): Entry | undefined | Promise<Entry | undefined> {
    if (!entry || entry.tags.length === 0) return entry;
    const current = this.versions.current(entry.tags);
    if (current instanceof Promise) return current.then((late) => (isCurrent(entry, late) ? entry : undefined));
    return isCurrent(entry, current as readonly string[]) ? entry : undefined;
  }

  private setInMemory(id: string, entry: Entry, weight = 1): void {
    this.memory.set(id, entry, weight * entry.text.length, entry.storedAt + storageTtlMs(entry));
  }
}
