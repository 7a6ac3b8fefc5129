/** A response as it was sent to the first request. @publicApi */
export interface StoredResponse {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Undefined if the body was too large to store. The request was executed, but its response cannot be replayed. */
  readonly body: { readonly text: string } | { readonly base64: string } | undefined;
}

/** The claim of a request to execute the operation of its key. @publicApi */
export interface IdempotencyClaim {
  /** Identifies caller, route and key. */
  readonly id: string;
  /** Identifies the caller, for stores that limit each caller. */
  readonly caller?: string;
  /** Hash of the request. */
  readonly fingerprint: string;
  /** Identifies this attempt. */
  readonly owner: string;
  /** How long the attempt counts as running without a heartbeat, in milliseconds. */
  readonly leaseMs: number;
  /** How long the response is stored, in milliseconds. */
  readonly ttlMs: number;
  /** Whether the same request may take over an attempt whose lease has expired. */
  readonly mayTakeOver: boolean;
}

/**
 * `started`: this attempt must execute the request. `isTakeover` is true if an earlier attempt started, sent no more
 * heartbeats and may have done a part of the work. `running`: another attempt executes the request. `abandoned`: the
 * process of another attempt is gone. `done`: the response is stored.
 *
 * @publicApi
 */
export type IdempotencyState =
  | { readonly state: 'started'; readonly isTakeover: boolean }
  | { readonly state: 'running'; readonly fingerprint: string | undefined }
  | { readonly state: 'abandoned'; readonly fingerprint: string | undefined }
  | { readonly state: 'done'; readonly fingerprint: string; readonly answer: StoredResponse };

/**
 * Stores which requests have been executed, with their responses. Each call is atomic among all replicas.
 *
 * @publicApi
 */
export interface IdempotencyStore {
  /** Starts an attempt, or returns the state of an earlier one. @throws IdempotencyStoreFullError if there is no room */
  begin(claim: IdempotencyClaim): Promise<IdempotencyState>;
  /** Stores the response. @returns false if another attempt has taken over */
  complete(claim: IdempotencyClaim, answer: StoredResponse): Promise<boolean>;
  /** Extends the lease (heartbeat). @returns false if another attempt has taken over */
  extend(claim: IdempotencyClaim): Promise<boolean>;
  /** Deletes the attempt, because the request may be executed again. */
  release(claim: IdempotencyClaim): Promise<void>;
  /** Deletes expired keys, for stores that do not do it themselves. */
  prune?(): Promise<void>;
}
