/** @publicApi */
export interface MemoryUsage {
  readonly entries: number;
  readonly maxEntries: number;
  readonly bytes: number;
  readonly maxBytes: number;
}

interface Used {
  entries: number;
  bytes: number;
}

interface Bounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxCallerShare: number;
}

/** Counts entries and bytes, in total and for each caller, and compares them with the limits. */
export class MemoryBudget {
  private readonly total: Used = { entries: 0, bytes: 0 };
  /** Callers with at least one entry. */
  private readonly callers = new Map<string, Used>();

  /** @throws TypeError if an option is invalid */
  constructor(private readonly bounds: Bounds) {
    const { maxEntries, maxBytes, maxCallerShare } = bounds;
    if (!(maxEntries >= 1)) throw new TypeError(`The option maxEntries is ${maxEntries}. It must be 1 or more.`);
    if (!(maxBytes >= 1)) throw new TypeError(`The option maxBytes is ${maxBytes}. It must be 1 or more.`);
    if (!(maxCallerShare > 0 && maxCallerShare <= 1)) {
      throw new TypeError(`The option maxCallerShare is ${maxCallerShare}. It must be greater than 0 and at most 1.`);
    }
  }

  get usage(): MemoryUsage {
    const { maxEntries, maxBytes } = this.bounds;
    return { ...this.total, maxEntries, maxBytes };
  }

  /** Whether there is room for another entry of the caller with this size. */
  hasRoomFor(caller: string, bytes: number): boolean {
    return this.fits(caller, 1, bytes);
  }

  /** Whether an entry of the caller may grow by this much. */
  canGrow(caller: string, bytes: number): boolean {
    return this.fits(caller, 0, bytes);
  }

  add(caller: string, bytes: number): void {
    this.change(caller, 1, bytes);
  }

  remove(caller: string, bytes: number): void {
    this.change(caller, -1, -bytes);
  }

  resize(caller: string, bytes: number): void {
    this.change(caller, 0, bytes);
  }

  private fits(caller: string, entries: number, bytes: number): boolean {
    const { maxEntries, maxBytes, maxCallerShare: share } = this.bounds;
    const { total } = this;
    const own = this.callers.get(caller) ?? { entries: 0, bytes: 0 };
    return (
      total.entries + entries <= maxEntries &&
      total.bytes + bytes <= maxBytes &&
      own.entries + entries <= Math.max(1, maxEntries * share) &&
      own.bytes + bytes <= maxBytes * share
    );
  }

  private change(caller: string, entries: number, bytes: number): void {
    const own = this.callers.get(caller) ?? { entries: 0, bytes: 0 };
    for (const used of [this.total, own]) {
      used.entries += entries;
      used.bytes += bytes;
    }
    if (own.entries > 0) this.callers.set(caller, own);
    else this.callers.delete(caller);
  }
}
