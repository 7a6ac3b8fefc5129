import { createHmac } from 'node:crypto';

/** Stands in a list of old secrets for the time when there was none. */
export const NO_SECRET = 'none';

/** Makes seals, or made them once. Without a secret they are plain hashes. */
export interface SealKey {
  /** Eight hexadecimal digits that tell nothing of the secret; empty without one. */
  readonly id: string;
  readonly secret: string | undefined;
}

/**
 * The secret that seals now, and those that sealed before it and still verify. A seal without a key counts only where
 * that is what is configured: otherwise who has no key could make a whole chain anew.
 */
export class SealKeys {
  readonly current: SealKey;
  private readonly known: ReadonlyMap<string, SealKey>;

  constructor(secret: string | undefined, old: readonly string[] = []) {
    this.current = keyOf(secret);
    const keys = [...old.map((one) => keyOf(one === NO_SECRET ? undefined : one)), this.current];
    this.known = new Map(keys.map((key) => [key.id, key]));
  }

  /** Undefined where no such key is known. */
  byId(id: string): SealKey | undefined {
    return this.known.get(id);
  }
}

function keyOf(secret: string | undefined): SealKey {
  if (secret === undefined) return { id: '', secret };
  return {
    id: createHmac('sha256', secret).update('nest-bulwark audit seal key id').digest('hex').slice(0, 8),
    secret,
  };
}
