import { isCurrent, lifeOf, readEntry, writeEntry, type Entry } from './entry.js';
import type { MemoryTier } from './memory.tier.js';
import type { RedisTier } from './redis.tier.js';
import type { TagVersions } from './tag-versions.js';

/** Entries in both tiers, as far as none of their tags has been invalidated since their load began. */
export class EntryStore {
  constructor(
    private readonly memory: MemoryTier<Entry>,
    private readonly redis: RedisTier | undefined,
    private readonly versions: TagVersions,
  ) {}

  /** At once where the versions of its tags are known: between a look and what follows from it, a load may end. */
  inMemory(id: string): Entry | undefined | Promise<Entry | undefined> {
    return this.valid(this.memory.get(id));
  }

  /** What is found there is in memory from then on. */
  async inRedis(id: string): Promise<Entry | undefined> {
    const stored = await this.redis?.get(`entry:${id}`);
    const entry = typeof stored === 'string' ? await this.valid(readEntry(stored)) : undefined;
    if (entry) this.keep(id, entry);
    return entry;
  }

  async put(id: string, entry: Entry): Promise<void> {
    this.keep(id, entry);
    await this.redis?.set(`entry:${id}`, writeEntry(entry), lifeOf(entry));
  }

  /** Counts what has been made of an entry in memory with it. @param weight what it takes in all, by its text */
  weigh(id: string, entry: Entry, weight: number): void {
    if (this.memory.get(id) === entry) this.keep(id, entry, weight);
  }

  valid(entry: Entry | undefined): Entry | undefined | Promise<Entry | undefined> {
    if (!entry || entry.tags.length === 0) return entry;
    const current = this.versions.current(entry.tags);
    if (current instanceof Promise) return current.then((late) => (isCurrent(entry, late) ? entry : undefined));
    return isCurrent(entry, current as readonly string[]) ? entry : undefined;
  }

  private keep(id: string, entry: Entry, weight = 1): void {
    this.memory.set(id, entry, weight * entry.text.length, entry.storedAt + lifeOf(entry));
  }
}
