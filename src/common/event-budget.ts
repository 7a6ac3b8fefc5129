const MINUTE_MS = 60_000;

/** Clients with their own counter. All further clients are counted together. */
const MAX_CLIENTS = 1_000;
/** Clients listed in a summary. */
const MAX_NAMED_CLIENTS = 10;

const MAPPED_IPV4 = '::ffff:';
/** Number of groups of an IPv6 address that form its /64 network. */
const NETWORK_GROUPS = 4;

/** Events that exceeded the budget of one minute. */
export interface DroppedEvents {
  readonly count: number;
  /** Clients that exceeded their own budget, sorted by count, the highest first. */
  readonly clients: readonly { readonly client: string; readonly count: number }[];
}

export interface EventBudgetOptions {
  /** Maximum number of events of all clients in a minute. */
  readonly perMinute: number;
  /** Maximum number of events of one client in a minute. */
  readonly perClientPerMinute: number;
  /** Called at the end of a minute in which events were dropped. */
  readonly onDropped: (leftOut: DroppedEvents) => void;
}

interface Share {
  admitted: number;
  refused: number;
}

/**
 * Limits events that clients can cause, such as log lines and audit events. Each client has its own budget, so that one
 * client cannot use up the budget of all clients. A timer runs only in a minute in which events are dropped.
 */
export class EventBudget {
  private readonly shares = new Map<string, Share>();
  private minuteStart = Number.NEGATIVE_INFINITY;
  private admitted = 0;
  private droppedCount = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: EventBudgetOptions) {}

  /** Whether the event is within the budget. Without a client, only the budget of all clients counts. */
  admit(client?: string): boolean {
    const now = performance.now();
    if (now - this.minuteStart >= MINUTE_MS) this.startMinute(now);
    const share = client === undefined ? undefined : this.getShare(client);
    const fits = this.admitted < this.options.perMinute && (!share || share.admitted < this.options.perClientPerMinute);
    if (!fits) return this.refuse(share, now);
    this.admitted++;
    if (share) share.admitted++;
    return true;
  }

  /** Reports the dropped events and stops the timer. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { droppedCount: count } = this;
    if (count === 0) return;
    const clients = [...this.shares]
      .filter(([, { refused }]) => refused > 0)
      .map(([client, { refused }]) => ({ client, count: refused }))
      .sort((a, b) => b.count - a.count)
      .slice(0, MAX_NAMED_CLIENTS);
    this.droppedCount = 0;
    for (const share of this.shares.values()) share.refused = 0;
    this.options.onDropped({ count, clients });
  }

  private startMinute(now: number): void {
    this.flush();
    this.shares.clear();
    this.minuteStart = now;
    this.admitted = 0;
  }

  private refuse(share: Share | undefined, now: number): false {
    this.droppedCount++;
    if (share && share.admitted >= this.options.perClientPerMinute) share.refused++;
    this.timer ??= setTimeout(() => this.flush(), this.minuteStart + MINUTE_MS - now).unref();
    return false;
  }

  private getShare(client: string): Share | undefined {
    const known = this.shares.get(client);
    if (known || this.shares.size >= MAX_CLIENTS) return known;
    const share = { admitted: 0, refused: 0 };
    this.shares.set(client, share);
    return share;
  }
}

/** Returns the client of a budget for an address. All IPv6 addresses of one /64 network are one client. */
export function clientNetwork(address: string | undefined): string | undefined {
  if (!address?.includes(':')) return address;
  if (address.startsWith(MAPPED_IPV4)) return address.slice(MAPPED_IPV4.length);
  const [head = ''] = address.split('::');
  const groups = head.split(':').slice(0, NETWORK_GROUPS);
  // Groups of zeros can be written or shortened to `::`, so trailing zero groups are removed.
  const end = groups.findLastIndex((group) => Number.parseInt(group, 16) !== 0) + 1;
  return `${groups.slice(0, end).join(':')}::/64`;
}
