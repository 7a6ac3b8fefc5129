/** The end of a chain. Kept elsewhere, it proves later that the chain was not cut before it. @publicApi */
export interface ChainHead {
  readonly tenant: string;
  readonly seq: number;
  /** Seal of the last event, in hexadecimal. */
  readonly hash: string;
  /** Root of the Merkle tree (RFC 6962) of all events of the tenant, in hexadecimal. */
  readonly root: string;
}

/** A head as it was kept; of an old one the root may not be known. @publicApi */
export type KnownHead = Omit<ChainHead, 'root'> & { readonly root?: string };

/** What was found wrong first. @publicApi */
export interface ChainFault {
  /**
   * `missing`: an event is gone. `changed`: an event, its seal, or what stands before it is not what was sealed.
   * `gap`: seals are gone. `unsealed`: an event was put past the chain. `truncated`: the chain ends before a head that
   * is known, or another stands there. `checkpoint`: what stands for dropped events is not what was signed. `digest`:
   * the digests kept outside of the database are not whole, or not those of this database.
   */
  readonly kind: 'missing' | 'changed' | 'gap' | 'unsealed' | 'truncated' | 'checkpoint' | 'digest';
  readonly tenant: string;
  readonly seq?: number;
  readonly eventId?: string;
  readonly detail?: string;
}

/** @publicApi */
export interface VerifyOptions {
  /** One tenant; without it all. The chain of events without a tenant is `''`. */
  readonly tenant?: string;
  /** Begins with what was sealed at that time, and takes what stands before it for good. */
  readonly from?: Date;
  /** Heads of earlier runs, kept where who changes the database cannot reach them. */
  readonly known?: readonly KnownHead[];
}

/** @publicApi */
export interface Verification {
  readonly valid: boolean;
  /** Events whose seal was computed anew. */
  readonly verified: number;
  /** Events that retention has dropped, by what was signed then. */
  readonly dropped: number;
  /** Stored events that wait for their seal; the next run seals them. */
  readonly unsealed: number;
  /** Digests that were checked, each against the one before. */
  readonly digests: number;
  /** What the database calls the trail. Kept elsewhere, as `AUDIT_LOG_ID`, it proves later that this is the same one. */
  readonly log: string;
  readonly heads: readonly ChainHead[];
  readonly fault?: ChainFault;
}
