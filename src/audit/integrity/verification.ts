/** The last seal of a chain. A copy outside the database proves later that the chain was not cut. @publicApi */
export interface ChainHead {
  readonly tenant: string;
  readonly seq: number;
  /** Seal of the last event, in hexadecimal. */
  readonly hash: string;
  /** Root of the Merkle tree (RFC 6962) of all events of the tenant, in hexadecimal. */
  readonly root: string;
}

/** A stored head. An old head may have no root. @publicApi */
export type KnownHead = Omit<ChainHead, 'root'> & { readonly root?: string };

/** The first fault that verification found. @publicApi */
export interface ChainFault {
  /**
   * - `missing`: an event is missing.
   * - `changed`: an event, its seal or the previous seal was changed.
   * - `gap`: seals are missing.
   * - `unsealed`: an event was inserted outside the chain.
   * - `truncated`: the chain ends before a known head, or has another seal there.
   * - `checkpoint`: the signature of a checkpoint is not valid.
   * - `digest`: the digests outside the database are not complete, or belong to another database.
   */
  readonly kind: 'missing' | 'changed' | 'gap' | 'unsealed' | 'truncated' | 'checkpoint' | 'digest';
  readonly tenant: string;
  readonly seq?: number;
  readonly eventId?: string;
  readonly detail?: string;
}

/** @publicApi */
export interface VerifyOptions {
  /** Verifies only this tenant. The chain of events without a tenant is `''`. @default all tenants */
  readonly tenant?: string;
  /** Verifies only seals from this time on, and trusts the seals before it. */
  readonly from?: Date;
  /** Heads of earlier runs, stored where a person who can change the database has no access. */
  readonly known?: readonly KnownHead[];
}

/** @publicApi */
export interface Verification {
  readonly valid: boolean;
  /** Number of events whose seal was recomputed. */
  readonly verified: number;
  /** Number of events that retention has dropped, according to signed checkpoints. */
  readonly dropped: number;
  /** Number of stored events without a seal. The next run of the sealer seals them. */
  readonly unsealed: number;
  /** Number of checked digests. */
  readonly digests: number;
  /** Trail id in the database. Set `AUDIT_LOG_ID` to it, so that a later run detects another trail. */
  readonly log: string;
  readonly heads: readonly ChainHead[];
  readonly fault?: ChainFault;
}
