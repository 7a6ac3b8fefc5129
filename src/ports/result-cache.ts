/** @publicApi */
export interface RememberedResult {
  /** What is remembered, for metrics: a name that the program has, not one that clients choose. */
  readonly name: string;
  /** Tells the results of that name apart; whoever may not see a result must not come to its key. */
  readonly key: string;
  /** How long it may be given again, in milliseconds. */
  readonly ttlMs: number;
  /** Names by which {@link ResultCache.invalidate} finds it. */
  readonly tags: readonly string[];
}

/**
 * Where modules have results remembered that are asked for again and again. CacheModule binds it to its cache; without it
 * {@link NoResultCache} stands in. It stands in `common` so that modules can use a cache without depending on one.
 *
 * @publicApi
 */
export abstract class ResultCache {
  /** The result of `load`, or a copy of what an earlier call for the same name and key had. */
  abstract wrap<T>(result: RememberedResult, load: () => Promise<T> | T): Promise<T>;
  /** Results with one of these tags are loaded anew from now on, on all replicas. Call it once the change has been committed. */
  abstract invalidate(...tags: string[]): Promise<void>;
}

/** Remembers nothing. */
export class NoResultCache extends ResultCache {
  async wrap<T>(_result: RememberedResult, load: () => Promise<T> | T): Promise<T> {
    return load();
  }

  async invalidate(): Promise<void> {}
}
