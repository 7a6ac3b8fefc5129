import { RecentMap } from '../recent-map.js';
import type { Memberships } from '../../ports/index.js';
import { outsideTransaction } from '../../database/index.js';

/** What requests need to know of a session. */
export interface SessionState {
  readonly userId: string;
  readonly email: string;
  readonly roles: readonly string[];
  readonly expiresAtMs: number;
  /** Tenants of the user, with all roles that hold in each, those of the account included. */
  readonly tenants: Memberships;
}

/** What a state needs to be cached: whose it is, and until when it could be good at most. */
export interface CachedState {
  readonly userId: string;
  readonly expiresAtMs: number;
}

interface Entry<T> {
  readonly state: T | null;
  readonly loadedAt: number;
}

export interface StateCacheOptions<T> {
  /** States that are kept at most. */
  readonly size: number;
  load(id: string): Promise<T | null>;
  /** Whether messages of other replicas are coming in. */
  isConnected(now: number): boolean;
}

/** How long a state serves while no messages of other replicas come in. */
export const DISCONNECTED_TTL_MS = 1_000;
/** How long a state serves at all: nobody announces what somebody changes in the database by hand. */
const MAX_AGE_MS = 30_000;

/**
 * A bounded cache of states of sessions, or of what else is revoked like them. The state that was not used for longest
 * leaves first. Callers who ask for the same state at the same time share one load, which runs outside of their
 * transactions.
 */
export class StateCache<T extends CachedState = SessionState> {
  private readonly entries: RecentMap<string, Entry<T>>;
  private readonly loading = new Map<string, Promise<T | null>>();
  /** Raised by each removal: a load that began before it may return what is no longer true. */
  private epoch = 0;

  constructor(private readonly options: StateCacheOptions<T>) {
    this.entries = new RecentMap(options.size);
  }

  /** Null for a session that has ended, that never was, or whose owner is locked or gone. */
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
    const now = performance.now();
    const age = now - loadedAt;
    if (state !== null && state.expiresAtMs <= Date.now()) return false;
    return age <= DISCONNECTED_TTL_MS || (age <= MAX_AGE_MS && this.options.isConnected(now));
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
