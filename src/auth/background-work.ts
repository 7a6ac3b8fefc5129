import { Injectable, Logger, Optional } from '@nestjs/common';
import { currentContext, RequestContext, runWithContext } from '../context/index.js';
import { Lifecycle } from '../ports/index.js';
import { outsideTransaction } from '../database/index.js';

/**
 * Work whose outcome, and time, the client must not learn: the answer goes out without it. A shutdown waits for it.
 */
@Injectable()
export class BackgroundWork {
  private readonly logger = new Logger('Auth');

  constructor(@Optional() private readonly lifecycle: Lifecycle = new Lifecycle()) {}

  start(what: string, work: () => Promise<void>): void {
    // Who and where stay known; the response does not, so that no audit event holds it back.
    const context = currentContext()?.withoutResponse() ?? new RequestContext();
    void this.lifecycle
      .run(what, () => outsideTransaction(() => runWithContext(context, work)))
      .catch((error: unknown) => this.logger.error({ err: error, msg: `${what} failed` }));
  }
}
