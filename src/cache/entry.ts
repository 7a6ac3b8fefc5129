/** A stored result. Times are those of the clock on the wall, which replicas share. */
export interface Entry {
  /** The value, as `value-codec` writes it. */
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly storedAt: number;
  /** How long it is fresh, in milliseconds. */
  readonly ttlMs: number;
  /** How long after that it may still be given while a new one is loaded. */
  readonly whileRevalidateMs: number;
  /** How long after being fresh it may be given where loading fails. */
  readonly ifErrorMs: number;
  readonly tags: readonly string[];
  /** Version of each tag when the load began. */
  readonly versions: readonly string[];
}

export type Freshness = 'fresh' | 'stale' | 'spare' | 'gone';

export function freshness(entry: Entry, now: number): Freshness {
  const over = now - entry.storedAt - entry.ttlMs;
  if (over < 0) return 'fresh';
  if (over < entry.whileRevalidateMs) return 'stale';
  return over < entry.ifErrorMs ? 'spare' : 'gone';
}

/** How long it is of any use, in milliseconds. */
export function lifeOf(entry: Entry): number {
  return entry.ttlMs + Math.max(entry.whileRevalidateMs, entry.ifErrorMs);
}

/** Whether none of its tags has been invalidated since its load began. */
export function isCurrent({ versions }: Entry, current: readonly string[]): boolean {
  return versions.every((version, i) => version === current[i]);
}

/** Raised when the shape of entries changes: replicas of two versions then do not read each other's. */
const SHAPE = 2;

/** One line that says what the entry is, and then its text as it is. */
export function writeEntry({ text, ...rest }: Entry): string {
  return `${JSON.stringify({ shape: SHAPE, ...rest })}\n${text}`;
}

/** Undefined where the line was written by another version, or by somebody else. */
export function readEntry(stored: string): Entry | undefined {
  const end = stored.indexOf('\n');
  try {
    const { shape, ...rest } = JSON.parse(stored.slice(0, end)) as Omit<Entry, 'text'> & { shape: number };
    return shape === SHAPE ? { ...rest, text: stored.slice(end + 1) } : undefined;
  } catch {
    return undefined;
  }
}
