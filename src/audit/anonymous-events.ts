import { clientNetwork, EventBudget, type DroppedEvents, Streaks, type Streak } from '../common/index.js';
import { currentContext, runOutsideRequests } from '../context/index.js';
import type { AuditInput } from '../ports/index.js';

const MAX_EVENTS_PER_MINUTE = 1_000;
const MAX_EVENTS_PER_CLIENT_PER_MINUTE = 100;

/**
 * Actions that an unauthenticated request can cause, and that have a limit. Violations have their own limit. The
 * application decides about its own actions.
 */
const LIMITED_ACTIONS = /^(?:access|auth|rate_limit)\./;
/** This action has a limit even if it succeeds, because an admin route may be public. */
const ADMIN_ACTION = 'admin.action';
/** Repetitions of these actions add no information, so they are recorded as streaks. */
const STREAK_ACTIONS = /^access\./;
/** These events are recorded at the end of a streak, outside a request. */
const RATE_LIMIT_SUMMARIES = /^rate_limit\.(?:shadow_)?exceeded$/;

type Denial = AuditInput & { readonly client: string | undefined; readonly route: string | undefined };

/**
 * Prevents unauthenticated callers from filling the audit trail. A repeated denial is a streak: the first denial is
 * recorded at once, and the number of all denials at the end. Other events, such as failed logins, are recorded one by
 * one, up to a limit for each client and a limit for all clients. At the end of each minute, the number of omitted
 * events is recorded.
 */
export class AnonymousEvents {
  private readonly denials = new Streaks<Denial>((streak) => this.recordEnd(streak));
  private readonly budget = new EventBudget({
    perMinute: MAX_EVENTS_PER_MINUTE,
    perClientPerMinute: MAX_EVENTS_PER_CLIENT_PER_MINUTE,
    onDropped: (leftOut) => this.recordLeftOut(leftOut),
  });

  /** @param record stores an event that summarizes many requests */
  constructor(private readonly record: (input: AuditInput) => void) {}

  /** Returns whether the caller must record this event. */
  admit(input: AuditInput): boolean {
    if (!isLimited(input)) return true;
    const context = currentContext();
    if (context?.principal) return true;
    if (!context) return !RATE_LIMIT_SUMMARIES.test(input.action) || this.budget.admit();
    const { route } = context;
    const client = clientNetwork(context.clientAddress);
    if (!STREAK_ACTIONS.test(input.action)) return this.budget.admit(client);
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

  /** Records the counts so far. */
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

function isLimited({ action, outcome }: AuditInput): boolean {
  return action === ADMIN_ACTION || (outcome !== 'success' && LIMITED_ACTIONS.test(action));
}
