/** At most `limit` requests within `ttlMs` milliseconds. @publicApi */
export interface ThrottleLimit {
  readonly limit: number;
  readonly ttlMs: number;
}

/** @publicApi */
export interface ThrottlerModuleOptions {
  /** Limits by tier. `default` holds every route; the others hold routes that ask by `@ThrottleTier()`. */
  tiers: Readonly<Record<string, ThrottleLimit>> & { readonly default: ThrottleLimit };
}
