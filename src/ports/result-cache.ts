/** @publicApi */
export interface CachedResult {
  /** Kind of result, for metrics. A constant of the program: a client must not be able to choose it. */
  readonly name: string;
  /** Key of the result within its name. A caller who may not see a result must not get its key. */
  readonly key: string;
  /** How long the result may be reused, in milliseconds. */
  readonly ttlMs: number;
  /** Tags by which {@link ResultCache.invalidate} removes the result. */
  readonly tags: readonly string[];
}

/**
 * Port through which modules cache results. CacheModule provides the implementation. Without CacheModule,
 * {@link NoResultCache} is used. The port lets a module cache results without depending on CacheModule.
 *
 * @publicApi
 */
export abstract class ResultCache {
  /** Returns the cached result of the same name and key, or calls `load` and caches its result. */
  abstract wrap<T>(result: CachedResult, load: () => Promise<T> | T): Promise<T>;
  /** Removes the results with one of these tags, on all replicas. Call it after the change has been committed. */
  abstract invalidate(...tags: string[]): Promise<void>;
}

/** Caches nothing. */
export class NoResultCache extends ResultCache {
  async wrap<T>(_result: CachedResult, load: () => Promise<T> | T): Promise<T> {
    return load();
  }

  async invalidate(): Promise<void> {}
}
