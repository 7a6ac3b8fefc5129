import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { AdapterRequest, Principal } from '../context/index.js';

/**
 * The caller, as a handler's parameter.
 *
 * @publicApi
 */
export const CurrentUser = createParamDecorator((_data: unknown, context: ExecutionContext): Principal => {
  const { user } = context.switchToHttp().getRequest<AdapterRequest>();
  if (!user) throw new Error('@CurrentUser() stands on a @Public() route, where nobody is known');
  return user;
});
