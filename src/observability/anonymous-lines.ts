import { EventBudget, clientNetwork, type LeftOut } from '../common/index.js';
import { currentContext } from '../context/index.js';

const MAX_PROBLEMS_PER_MINUTE = 600;
const MAX_PROBLEMS_OF_ONE_KIND_PER_MINUTE = 20;
const MAX_REFUSALS_PER_MINUTE = 6_000;
const MAX_REFUSALS_PER_CLIENT_PER_MINUTE = 300;

const MAX_KIND_LENGTH = 200;

/** Where the number of left-out lines goes. */
export interface LeftOutLines {
  problems(leftOut: LeftOut): void;
  refusals(leftOut: LeftOut): void;
}

/** Keeps callers without a name from filling the log. What does not fit is counted, and the number is logged each minute. */
export class AnonymousLines {
  private readonly problems: EventBudget;
  private readonly refusals: EventBudget;

  constructor(log: LeftOutLines) {
    this.problems = new EventBudget({
      perMinute: MAX_PROBLEMS_PER_MINUTE,
      perClientPerMinute: MAX_PROBLEMS_OF_ONE_KIND_PER_MINUTE,
      onLeftOut: (leftOut) => log.problems(leftOut),
    });
    this.refusals = new EventBudget({
      perMinute: MAX_REFUSALS_PER_MINUTE,
      perClientPerMinute: MAX_REFUSALS_PER_CLIENT_PER_MINUTE,
      onLeftOut: (leftOut) => log.refusals(leftOut),
    });
  }

  /** Whether a warning or an error fits. Lines of known callers, and of work without a request, always do. */
  admitProblem(kind: string): boolean {
    const context = currentContext();
    return !context || context.principal !== undefined || this.problems.admit(kind.slice(0, MAX_KIND_LENGTH));
  }

  /** Whether the access line of a refused request, or of a preflight, fits. */
  admitRefusal(address: string | undefined): boolean {
    return this.refusals.admit(clientNetwork(address));
  }
}
