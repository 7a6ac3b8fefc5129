import { Injectable, Logger, Optional } from '@nestjs/common';
import { currentContext, RequestContext, runWithContext } from '../context/index.js';
import { Lifecycle } from '../ports/index.js';
import { outsideTransaction } from '../database/index.js';

/**
 * Runs work after the response, so the client learns neither its result nor its duration. A shutdown waits for it.
 */
@Injectable()
export class BackgroundWork {
  private readonly logger = new Logger('Auth');

  constructor(@Optional() private readonly lifecycle: Lifecycle = new Lifecycle()) {}

  start(name: string, work: () => Promise<void>): void {
    // The copied context keeps principal and address, but not the response: an audit event must not delay the response.
    const context = currentContext()?.withoutResponse() ?? new RequestContext();
    void this.lifecycle
      .run(name, () => outsideTransaction(() => runWithContext(context, work)))
      .catch((error: unknown) => this.logger.error({ err: error, msg: `${name} failed` }));
  }
}
