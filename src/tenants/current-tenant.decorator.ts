import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ProblemException } from '../problem/index.js';
import type { AdapterRequest } from '../context/index.js';

/** @throws ProblemException `TENANT_REQUIRED` */
export function requireTenant(tenantId: string | undefined): string {
  if (tenantId !== undefined) return tenantId;
  throw new ProblemException(
    'TENANT_REQUIRED',
    'Choose a tenant first: send one of your tenants to POST /auth/switch-tenant.',
  );
}

/**
 * Parameter decorator: the id of the tenant that the caller acts in. Callers without a tenant get 403 `TENANT_REQUIRED`.
 *
 * @publicApi
 */
export const CurrentTenant = createParamDecorator((_data: unknown, context: ExecutionContext): string =>
  requireTenant(context.switchToHttp().getRequest<AdapterRequest>().user?.tenantId),
);
