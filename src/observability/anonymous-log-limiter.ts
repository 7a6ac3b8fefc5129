import { EventBudget, clientNetwork, type DroppedEvents } from '../common/index.js';
import { currentContext } from '../context/index.js';

const MAX_PROBLEMS_PER_MINUTE = 600;
const MAX_PROBLEMS_OF_ONE_KIND_PER_MINUTE = 20;
const MAX_REFUSALS_PER_MINUTE = 6_000;
const MAX_REFUSALS_PER_CLIENT_PER_MINUTE = 300;

const MAX_KIND_LENGTH = 200;

/** Logs the number of dropped lines. */
export interface DroppedLinesLog {
  problems(dropped: DroppedEvents): void;
  refusals(dropped: DroppedEvents): void;
}

/** Limits the log lines that unknown callers can cause. Dropped lines are counted, and the count is logged each minute. */
export class AnonymousLogLimiter {
  private readonly problems: EventBudget;
  private readonly refusals: EventBudget;

  constructor(log: DroppedLinesLog) {
    this.problems = new EventBudget({
      perMinute: MAX_PROBLEMS_PER_MINUTE,
      perClientPerMinute: MAX_PROBLEMS_OF_ONE_KIND_PER_MINUTE,
      onDropped: (dropped) => log.problems(dropped),
    });
    this.refusals = new EventBudget({
      perMinute: MAX_REFUSALS_PER_MINUTE,
      perClientPerMinute: MAX_REFUSALS_PER_CLIENT_PER_MINUTE,
      onDropped: (dropped) => log.refusals(dropped),
    });
  }

  /** Whether a warning or an error is logged. Lines of known callers, and lines without a request, are always logged. */
  admitProblem(kind: string): boolean {
    const context = currentContext();
    return !context || context.principal !== undefined || this.problems.admit(kind.slice(0, MAX_KIND_LENGTH));
  }

  /** Whether the access line of a refused request or of a preflight is logged. */
  admitRefusal(address: string | undefined): boolean {
    return this.refusals.admit(clientNetwork(address));
  }
}
