const MINUTE_MS = 60_000;

/** Clients whose own number of refused events is kept. The others are counted together. */
const MAX_CLIENTS = 1_000;
/** Clients that are named in a summary. */
const MAX_NAMED_CLIENTS = 10;

const MAPPED_IPV4 = '::ffff:';
/** The groups of an IPv6 address that name its network of 64 bits. */
const NETWORK_GROUPS = 4;

/** What did not fit into the budget of one minute. */
export interface LeftOut {
  readonly count: number;
  /** The clients that had used up their own share, the busiest first. */
  readonly clients: readonly { readonly client: string; readonly count: number }[];
}

export interface EventBudgetOptions {
  /** Events of all clients in a minute. */
  readonly perMinute: number;
  /** Events of one client in a minute. */
  readonly perClientPerMinute: number;
  /** Called at the end of a minute in which events were left out. */
  readonly onLeftOut: (leftOut: LeftOut) => void;
}

interface Share {
  admitted: number;
  refused: number;
}

/**
 * Bounds events that a client can cause at will. Each client has a share, so that one client cannot use up the budget of
 * all. Runs a timer only in a minute in which events are left out.
 */
export class EventBudget {
  private readonly shares = new Map<string, Share>();
  private minuteStart = Number.NEGATIVE_INFINITY;
  private admitted = 0;
  private leftOut = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: EventBudgetOptions) {}

  /** Whether the event fits. Without a client, only the budget of all counts. */
  admit(client?: string): boolean {
    const now = performance.now();
    if (now - this.minuteStart >= MINUTE_MS) this.startMinute(now);
    const share = client === undefined ? undefined : this.shareOf(client);
    const fits = this.admitted < this.options.perMinute && (!share || share.admitted < this.options.perClientPerMinute);
    if (!fits) return this.refuse(share, now);
    this.admitted++;
    if (share) share.admitted++;
    return true;
  }

  /** Reports what was left out and stops the timer. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { leftOut: count } = this;
    if (count === 0) return;
    const clients = [...this.shares]
      .filter(([, { refused }]) => refused > 0)
      .map(([client, { refused }]) => ({ client, count: refused }))
      .sort((a, b) => b.count - a.count)
      .slice(0, MAX_NAMED_CLIENTS);
    this.leftOut = 0;
    for (const share of this.shares.values()) share.refused = 0;
    this.options.onLeftOut({ count, clients });
  }

  private startMinute(now: number): void {
    this.flush();
    this.shares.clear();
    this.minuteStart = now;
    this.admitted = 0;
  }

  private refuse(share: Share | undefined, now: number): false {
    this.leftOut++;
    if (share && share.admitted >= this.options.perClientPerMinute) share.refused++;
    this.timer ??= setTimeout(() => this.flush(), this.minuteStart + MINUTE_MS - now).unref();
    return false;
  }

  private shareOf(client: string): Share | undefined {
    const known = this.shares.get(client);
    if (known || this.shares.size >= MAX_CLIENTS) return known;
    const share = { admitted: 0, refused: 0 };
    this.shares.set(client, share);
    return share;
  }
}

/** An address as the client of a budget: an IPv6 address stands for its network of 64 bits. */
export function clientNetwork(address: string | undefined): string | undefined {
  if (!address?.includes(':')) return address;
  if (address.startsWith(MAPPED_IPV4)) return address.slice(MAPPED_IPV4.length);
  const [head = ''] = address.split('::');
  const groups = head.split(':').slice(0, NETWORK_GROUPS);
  // A part of zeros can be written out or left out.
  const end = groups.findLastIndex((group) => Number.parseInt(group, 16) !== 0) + 1;
  return `${groups.slice(0, end).join(':')}::/64`;
}
