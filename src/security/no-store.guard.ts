import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ChainedGuard, GuardOrder } from '../guards/index.js';
import { getRequest, getResponse } from '../context/index.js';
import { SECURITY_SETTINGS, type SecuritySettings } from './security.options.js';

/**
 * What responses to authenticated requests carry, unless the route sets another. It is spelt so that compression can
 * tell it from a `no-store` which a route has chosen, because that one says: a secret is in here.
 */
export const AUTHENTICATED_CACHE_CONTROL = 'private, no-store';

/** Keeps what was meant for one person out of caches; as soon as the person is known, for errors carry it too. */
@Injectable()
@ChainedGuard({ order: GuardOrder.Authentication + 1 })
export class NoStoreGuard implements CanActivate {
  constructor(@Inject(SECURITY_SETTINGS) private readonly settings: SecuritySettings) {}

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http' || !this.settings.noStore) return true;
    const { user, headers } = getRequest(context);
    if (user === undefined && headers.authorization === undefined) return true;
    const response = getResponse(context);
    if (!response.hasHeader('Cache-Control')) response.setHeader('Cache-Control', AUTHENTICATED_CACHE_CONTROL);
    return true;
  }
}
