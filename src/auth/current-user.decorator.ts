import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { AdapterRequest, Principal } from '../context/index.js';

/**
 * Injects the principal of the request into a parameter of a handler.
 *
 * @publicApi
 */
export const CurrentUser = createParamDecorator((_data: unknown, context: ExecutionContext): Principal => {
  const { user } = context.switchToHttp().getRequest<AdapterRequest>();
  if (!user)
    throw new Error('@CurrentUser() needs an authenticated caller, but the route is @Public(). Remove one of the two');
  return user;
});
