import { createHmac } from 'node:crypto';

/** The entry in the list of old secrets that accepts seals without a secret. */
export const NO_SECRET = 'none';

/** A key of seals, current or old. Without a secret, seals are plain hashes. */
export interface SealKey {
  /** Eight hexadecimal digits that do not reveal the secret; empty without a secret. */
  readonly id: string;
  readonly secret: string | undefined;
}

/**
 * The current seal secret, and old secrets that still verify. A seal without a key is valid only if the configuration
 * allows it. Otherwise an attacker without a key could create a whole new chain.
 */
export class SealKeys {
  readonly current: SealKey;
  private readonly known: ReadonlyMap<string, SealKey>;

  constructor(secret: string | undefined, old: readonly string[] = []) {
    this.current = keyOf(secret);
    const keys = [...old.map((one) => keyOf(one === NO_SECRET ? undefined : one)), this.current];
    this.known = new Map(keys.map((key) => [key.id, key]));
  }

  /** Returns undefined if the key is not known. */
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
