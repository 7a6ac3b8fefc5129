import { Injectable, Module, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ChainedGuard, GuardOrder } from '../../src/guards/index.js';
import type { AdapterRequest } from '../../src/context/index.js';

/** Sets the tenant of the caller from the header `x-test-tenant`, like the code of an application would. */
@Injectable()
@ChainedGuard({ order: GuardOrder.Principal })
class TestTenantGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<AdapterRequest>();
    const tenantId = request.headers['x-test-tenant'];
    if (request.user && typeof tenantId === 'string') request.user = { ...request.user, tenantId };
    return true;
  }
}

@Module({ providers: [TestTenantGuard] })
export class TestTenantModule {}
