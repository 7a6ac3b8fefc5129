import { clientNetwork, EventBudget, type DroppedEvents, Streaks, type Streak } from '../common/index.js';
import { currentContext, runOutsideRequests } from '../context/index.js';
import type { AuditInput } from '../ports/index.js';

const MAX_EVENTS_PER_MINUTE = 1_000;
const MAX_EVENTS_PER_CLIENT_PER_MINUTE = 100;

/**
 * Events of the suite that a request without a known caller can cause. Violations have a budget of their own; events of
 * the application are its own decision.
 */
const BOUNDED = /^(?:access|auth|rate_limit)\./;
/** Bounded even when it succeeds: a route of administration may be public. */
const ADMIN_ACTION = 'admin.action';
/** Repetitions of these say nothing new. */
const MERGED = /^access\./;
/** Recorded at the end of a flood, when there is no request any more. */
const ENDS_OF_FLOODS = /^rate_limit\.(?:shadow_)?exceeded$/;

type Denial = AuditInput & { readonly client: string | undefined; readonly route: string | undefined };

/**
 * Keeps callers without a name from filling the audit trail. Of a repeated denial the first is recorded, and the number
 * of all when it has ended. Failed logins and the like are recorded one by one, up to a number for each client and for
 * all; how many were left out is recorded at the end of the minute.
 */
export class AnonymousEvents {
  private readonly denials = new Streaks<Denial>((streak) => this.recordEnd(streak));
  private readonly budget = new EventBudget({
    perMinute: MAX_EVENTS_PER_MINUTE,
    perClientPerMinute: MAX_EVENTS_PER_CLIENT_PER_MINUTE,
    onDropped: (leftOut) => this.recordLeftOut(leftOut),
  });

  /** @param record stores an event that stands for many requests */
  constructor(private readonly record: (input: AuditInput) => void) {}

  /** Whether the event is to be recorded by itself. */
  admit(input: AuditInput): boolean {
    if (!isBounded(input)) return true;
    const context = currentContext();
    if (context?.principal) return true;
    if (!context) return !ENDS_OF_FLOODS.test(input.action) || this.budget.admit();
    const { route } = context;
    const client = clientNetwork(context.clientAddress);
    if (!MERGED.test(input.action)) return this.budget.admit(client);
    const id = JSON.stringify([
      input.action,
      client,
      route,
      input.target,
      input.metadata?.['code'],
      input.metadata?.['reason'],
    ]);
    if (this.denials.continue(id) || !this.budget.admit(client)) return false;
    this.denials.begin(id, { ...input, client, route });
    return true;
  }

  /** Records what was counted. */
  flush(): void {
    this.denials.endAll();
    this.budget.flush();
  }

  private recordEnd({ value: { client, route, metadata, ...denial }, since, count }: Streak<Denial>): void {
    const summary = { ...metadata, client, route, count, since: since.toISOString(), ended: true };
    runOutsideRequests(() => this.record({ ...denial, metadata: summary }));
  }

  private recordLeftOut({ count: unreported, clients }: DroppedEvents): void {
    const metadata = { rule: 'anonymous_events', unreported, clients };
    runOutsideRequests(() => this.record({ action: 'security.violation', outcome: 'denied', metadata }));
  }
}

function isBounded({ action, outcome }: AuditInput): boolean {
  return action === ADMIN_ACTION || (outcome !== 'success' && BOUNDED.test(action));
}
