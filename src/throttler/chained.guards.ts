import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ChainedGuard, GuardOrder } from '../guards/index.js';
import { ThrottlerGuard } from './throttler.guard.js';
import { ThrottlerService } from './throttler.service.js';

/** Limits client addresses, before the cost of authentication is paid. @publicApi */
@Injectable()
@ChainedGuard({ order: GuardOrder.Address })
export class AddressThrottlerGuard implements CanActivate {
  constructor(
    private readonly service: ThrottlerService,
    private readonly guard: ThrottlerGuard,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    return !this.service.limitsGlobally(context) || this.guard.limitRequest(context, 'address');
  }
}

/** Limits authenticated users, so that one account gains nothing by using many addresses. @publicApi */
@Injectable()
@ChainedGuard({ order: GuardOrder.Principal })
export class UserThrottlerGuard implements CanActivate {
  constructor(
    private readonly service: ThrottlerService,
    private readonly guard: ThrottlerGuard,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    return !this.service.limitsGlobally(context) || this.guard.limitRequest(context, 'principal');
  }
}
