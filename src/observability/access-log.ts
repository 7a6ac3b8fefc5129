import { Logger } from '@nestjs/common';
import { clientNetwork, EventBudget } from '../common/index.js';
import type { RequestContext } from '../context/index.js';

const MAX_REFUSALS_PER_MINUTE = 6_000;
const MAX_REFUSALS_PER_CLIENT_PER_MINUTE = 300;

/** Receives access lines as objects, such as a logger of pino. @publicApi */
export interface AccessLogTarget {
  info(fields: object): void;
  error(fields: object): void;
}

/** Fields of a line. `durationMs` is in milliseconds. */
interface AccessLine {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
  readonly address: string | undefined;
  readonly userId: string | undefined;
  readonly msg: string;
}

/** The logger of the application, whichever `NestFactory.create()` or `app.useLogger()` has set. */
function createNestTarget(): AccessLogTarget {
  const logger = new Logger('Request');
  return { info: (fields) => logger.log(fields), error: (fields) => logger.error(fields) };
}

/** Writes one line for each request. Limits the lines of refused requests that unknown callers can cause. */
export class AccessLog {
  private readonly refusals = new EventBudget({
    perMinute: MAX_REFUSALS_PER_MINUTE,
    perClientPerMinute: MAX_REFUSALS_PER_CLIENT_PER_MINUTE,
    onDropped: ({ count, clients }) =>
      this.target.info({
        leftOut: count,
        clients,
        msg: 'the limit for access lines of refused requests was reached, and lines were dropped',
      }),
  });

  constructor(private readonly target: AccessLogTarget = createNestTarget()) {}

  write(context: RequestContext, line: AccessLine): void {
    const isRefusal = context.principal === undefined && (line.status >= 400 || line.method === 'OPTIONS');
    if (isRefusal && !this.refusals.admit(clientNetwork(context.clientAddress))) return;
    this.target[line.status >= 500 ? 'error' : 'info'](line);
  }
}
