/** An answer as it went to the first client. @publicApi */
export interface StoredAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Undefined where it was too long to keep: the request is done, but its answer cannot be repeated. */
  readonly body: { readonly text: string } | { readonly base64: string } | undefined;
}

/** What a request asks for when it comes. @publicApi */
export interface IdempotencyClaim {
  /** Names caller, route and key. */
  readonly id: string;
  /** Names the caller alone, for stores that give each caller a share. */
  readonly caller?: string;
  /** Stands for what was sent. */
  readonly fingerprint: string;
  /** Names this one attempt. */
  readonly owner: string;
  /** How long the attempt is held for alive without a sign, in milliseconds. */
  readonly leaseMs: number;
  /** How long the answer is kept, in milliseconds. */
  readonly ttlMs: number;
  /** Whether an attempt that gave no sign may be made again by the same request. */
  readonly mayTakeOver: boolean;
}

/**
 * `started`: this attempt has to do it; `isTakeover` where an earlier one began, gave no more signs, and may have done a
 * part of it or all. `running`: another one does. `abandoned`: another one did, and its process is
 * gone. `done`: here is its answer.
 *
 * @publicApi
 */
export type IdempotencyState =
  | { readonly state: 'started'; readonly isTakeover: boolean }
  | { readonly state: 'running'; readonly fingerprint: string | undefined }
  | { readonly state: 'abandoned'; readonly fingerprint: string | undefined }
  | { readonly state: 'done'; readonly fingerprint: string; readonly answer: StoredAnswer };

/**
 * Where it is kept which requests have been done. Each call is atomic among all replicas.
 *
 * @publicApi
 */
export interface IdempotencyStore {
  /** @throws IdempotencyStoreFullError where there is no room for another key */
  begin(claim: IdempotencyClaim): Promise<IdempotencyState>;
  /** @returns whether the attempt was still the one that counts */
  complete(claim: IdempotencyClaim, answer: StoredAnswer): Promise<boolean>;
  /** Gives a sign of life. @returns whether the attempt is still the one that counts */
  extend(claim: IdempotencyClaim): Promise<boolean>;
  /** Forgets the attempt: it did nothing that must not be done again. */
  release(claim: IdempotencyClaim): Promise<void>;
  /** Removes what is over, where nobody else does. */
  prune?(): Promise<void>;
}
