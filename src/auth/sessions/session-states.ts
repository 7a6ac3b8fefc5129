import { RecentMap, type Memberships } from '../../common/index.js';

/** What requests need to know of a session. */
export interface SessionState {
  readonly userId: string;
  readonly email: string;
  readonly roles: readonly string[];
  readonly expiresAtMs: number;
  /** Tenants of the user, with all roles that hold in each, those of the account included. */
  readonly tenants: Memberships;
}

/** What a state needs to be kept: whose it is, and how long it could be good at most. */
export interface KeptState {
  readonly userId: string;
  readonly expiresAtMs: number;
}

/** Null for a session that is over, whose owner is locked or gone, or that never was. */
export type SessionVerdict = SessionState | null;

interface Entry<T> {
  readonly verdict: T | null;
  readonly loadedAt: number;
}

export interface SessionStatesOptions<T> {
  readonly size: number;
  load(id: string): Promise<T | null>;
  /** Whether what other replicas change is heard of at once. */
  isLive(now: number): boolean;
}

/** Longest time that a verdict serves although nothing is heard from other replicas. */
export const BLIND_AGE_MS = 1_000;
/** Longest time that one serves at all: what somebody changes in the database by hand is announced by nobody. */
const LONGEST_AGE_MS = 30_000;

/** A bounded memory of verdicts on sessions, or on what else is revoked like them: those not used for longest leave first, and each is read once for all who wait. */
export class SessionStates<T extends KeptState = SessionState> {
  private readonly entries: RecentMap<string, Entry<T>>;
  private readonly loading = new Map<string, Promise<T | null>>();
  /** Counts what was forgotten: a read that began before may bring back what is no longer so. */
  private epoch = 0;

  constructor(private readonly options: SessionStatesOptions<T>) {
    this.entries = new RecentMap(options.size);
  }

  get(sessionId: string): T | null | Promise<T | null> {
    const entry = this.entries.get(sessionId);
    if (entry === undefined || !this.isFresh(entry)) return this.loading.get(sessionId) ?? this.load(sessionId);
    return entry.verdict;
  }

  forgetSession(sessionId: string): void {
    this.epoch++;
    this.entries.delete(sessionId);
    this.loading.delete(sessionId);
  }

  forgetUser(userId: string): void {
    this.epoch++;
    this.entries.deleteWhere(({ verdict }) => verdict?.userId === userId);
    this.loading.clear();
  }

  forgetAll(): void {
    this.epoch++;
    this.entries.clear();
    this.loading.clear();
  }

  private isFresh({ loadedAt, verdict }: Entry<T>): boolean {
    const now = performance.now();
    const age = now - loadedAt;
    if (verdict !== null && verdict.expiresAtMs <= Date.now()) return false;
    return age <= BLIND_AGE_MS || (age <= LONGEST_AGE_MS && this.options.isLive(now));
  }

  private load(sessionId: string): Promise<T | null> {
    const { epoch } = this;
    const loadedAt = performance.now();
    const pending = this.options
      .load(sessionId)
      .then((verdict) => {
        if (epoch === this.epoch) this.entries.set(sessionId, { verdict, loadedAt });
        return verdict;
      })
      .finally(() => {
        if (this.loading.get(sessionId) === pending) this.loading.delete(sessionId);
      });
    this.loading.set(sessionId, pending);
    return pending;
  }
}
