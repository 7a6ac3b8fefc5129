import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ProblemException } from '../problem/index.js';
import type { AdapterRequest } from '../context/index.js';

/** @throws ProblemException `TENANT_REQUIRED` */
export function requiredTenant(tenantId: string | undefined): string {
  if (tenantId !== undefined) return tenantId;
  throw new ProblemException('TENANT_REQUIRED', 'Choose a tenant first: POST /auth/switch-tenant with one of yours.');
}

/**
 * Id of the tenant that the caller acts in, as a handler's parameter. Callers without one get 403 `TENANT_REQUIRED`.
 *
 * @publicApi
 */
export const CurrentTenant = createParamDecorator((_data: unknown, context: ExecutionContext): string =>
  requiredTenant(context.switchToHttp().getRequest<AdapterRequest>().user?.tenantId),
);
