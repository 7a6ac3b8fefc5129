import { Injectable, type ExecutionContext } from '@nestjs/common';
import { ChainedGuard, GuardOrder } from '../guards/index.js';
import { ThrottlerGuard } from './throttler.guard.js';

/** Counts client addresses, before anything is spent on authentication. @publicApi */
@Injectable()
@ChainedGuard({ order: GuardOrder.Address })
export class AddressThrottlerGuard extends ThrottlerGuard {
  protected override readonly phase = 'address';

  protected override shouldHandle(context: ExecutionContext): boolean {
    return this.service.settings.globalGuards && context.getType() === 'http';
  }
}

/** Counts users, once they are known, so that one account does not gain by coming from many addresses. @publicApi */
@Injectable()
@ChainedGuard({ order: GuardOrder.Principal })
export class UserThrottlerGuard extends ThrottlerGuard {
  protected override readonly phase = 'principal';

  protected override shouldHandle(context: ExecutionContext): boolean {
    return this.service.settings.globalGuards && context.getType() === 'http';
  }
}
