import { EventBudget, type DroppedEvents } from '../common/index.js';
import { currentContext } from '../context/index.js';

const MAX_LINES_PER_MINUTE = 600;
const MAX_LINES_OF_ONE_KIND_PER_MINUTE = 20;

const MAX_KIND_LENGTH = 200;

/** Limits the warnings and errors that unknown callers can cause. Dropped lines are counted for each minute. */
export class AnonymousLogLimiter {
  private readonly budget: EventBudget;

  constructor(onDropped: (dropped: DroppedEvents) => void) {
    this.budget = new EventBudget({
      perMinute: MAX_LINES_PER_MINUTE,
      perClientPerMinute: MAX_LINES_OF_ONE_KIND_PER_MINUTE,
      onDropped,
    });
  }

  /** Whether a line is logged. Lines of known callers, and lines without a request, are always logged. */
  admit(kind: string): boolean {
    const context = currentContext();
    return !context || context.principal !== undefined || this.budget.admit(kind.slice(0, MAX_KIND_LENGTH));
  }
}
