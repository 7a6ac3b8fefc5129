import { LruMap } from '../lru-map.js';
import type { Memberships } from '../../ports/index.js';
import { outsideTransaction } from '../../database/index.js';

/** What requests need to know about a session. @publicApi */
export interface SessionState {
  readonly userId: string;
  readonly email: string;
  readonly roles: readonly string[];
  readonly expiresAtMs: number;
  /** Tenants of the user, each with all roles that the user has there, including the roles of the account. */
  readonly tenants: Memberships;
}

/** What a state needs to be cached: its owner, and the latest time at which it can be valid. */
export interface CachedState {
  readonly userId: string;
  readonly expiresAtMs: number;
}

interface Entry<T> {
  readonly state: T | null;
  readonly loadedAt: number;
}

export interface StateCacheOptions<T> {
  /** Most states that are kept. */
  readonly size: number;
  load(id: string): Promise<T | null>;
  /** Whether messages of other replicas come in. */
  isSubscribed(): boolean;
}

/** How long a cached state is used while no messages of other replicas come in. */
export const DISCONNECTED_TTL_MS = 1_000;
/** How long a cached state is used at most. Changes that somebody makes in SQL are not published. */
const MAX_AGE_MS = 30_000;

/**
 * A bounded cache of the states of sessions, or of API keys and the like. The least recently used state is removed first.
 * Callers that ask for the same state at the same time share one load, which runs outside of their transactions.
 */
export class StateCache<T extends CachedState = SessionState> {
  private readonly entries: LruMap<string, Entry<T>>;
  private readonly loading = new Map<string, Promise<T | null>>();
  /** Incremented by each removal. A load that began before a removal may return an old state, which is not cached. */
  private epoch = 0;

  constructor(private readonly options: StateCacheOptions<T>) {
    this.entries = new LruMap(options.size);
  }

  /** Null for a session that has ended or does not exist, or whose owner is locked or deleted. */
  get(id: string): T | null | Promise<T | null> {
    const entry = this.entries.get(id);
    if (entry === undefined || !this.isFresh(entry)) return this.loading.get(id) ?? this.load(id);
    return entry.state;
  }

  delete(id: string): void {
    this.epoch++;
    this.entries.delete(id);
    this.loading.delete(id);
  }

  deleteOfUser(userId: string): void {
    this.epoch++;
    this.entries.deleteWhere(({ state }) => state?.userId === userId);
    this.loading.clear();
  }

  clear(): void {
    this.epoch++;
    this.entries.clear();
    this.loading.clear();
  }

  private isFresh({ loadedAt, state }: Entry<T>): boolean {
    const age = performance.now() - loadedAt;
    if (state !== null && state.expiresAtMs <= Date.now()) return false;
    return age <= DISCONNECTED_TTL_MS || (age <= MAX_AGE_MS && this.options.isSubscribed());
  }

  private load(id: string): Promise<T | null> {
    const { epoch } = this;
    const loadedAt = performance.now();
    const pending = outsideTransaction(() => this.options.load(id))
      .then((state) => {
        if (epoch === this.epoch) this.entries.set(id, { state, loadedAt });
        return state;
      })
      .finally(() => {
        if (this.loading.get(id) === pending) this.loading.delete(id);
      });
    this.loading.set(id, pending);
    return pending;
  }
}
