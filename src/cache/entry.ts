/** A stored result. Times are wall-clock times, because replicas compare them. */
export interface Entry {
  /** The value, encoded by a `ValueCodec`. */
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly storedAt: number;
  /** How long it is fresh, in milliseconds. */
  readonly ttlMs: number;
  /** How long a stale result may be returned while a new one is loaded, in milliseconds. */
  readonly whileRevalidateMs: number;
  /** How long a stale result may be returned if the load fails, in milliseconds. */
  readonly ifErrorMs: number;
  readonly tags: readonly string[];
  /** Version of each tag when the load began. */
  readonly versions: readonly string[];
}

export type Freshness = 'fresh' | 'stale' | 'stale-if-error' | 'expired';

export function freshness(entry: Entry, now: number): Freshness {
  const staleMs = now - entry.storedAt - entry.ttlMs;
  if (staleMs < 0) return 'fresh';
  if (staleMs < entry.whileRevalidateMs) return 'stale';
  return staleMs < entry.ifErrorMs ? 'stale-if-error' : 'expired';
}

/** How long an entry has to be stored, in milliseconds. */
export function storageTtlMs(entry: Entry): number {
  return entry.ttlMs + Math.max(entry.whileRevalidateMs, entry.ifErrorMs);
}

/** Whether none of its tags was invalidated after its load began. */
export function isCurrent({ versions }: Entry, current: readonly string[]): boolean {
  return versions.every((version, i) => version === current[i]);
}

/** Incremented when the stored format changes, so that replicas of two versions do not read entries of each other. */
const FORMAT_VERSION = 2;

/** One line of JSON with all other properties, followed by the text. */
export function writeEntry({ text, ...rest }: Entry): string {
  return `${JSON.stringify({ shape: FORMAT_VERSION, ...rest })}\n${text}`;
}

/** Undefined if the entry was not written in this format. */
export function readEntry(stored: string): Entry | undefined {
  const end = stored.indexOf('\n');
  try {
    const { shape, ...rest } = JSON.parse(stored.slice(0, end)) as Omit<Entry, 'text'> & { shape: number };
    return shape === FORMAT_VERSION ? { ...rest, text: stored.slice(end + 1) } : undefined;
  } catch {
    return undefined;
  }
}
