import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ChainedGuard, GuardOrder } from '../guards/index.js';
import { getRequest, getResponse } from '../context/index.js';
import { SECURITY_SETTINGS, type SecuritySettings } from './security.options.js';

/**
 * `Cache-Control` of responses to authenticated requests, if the route sets none. A route that sets exactly `no-store`
 * marks its response as secret, and such a response is not compressed. This value is different, so that it is compressed.
 */
export const AUTHENTICATED_CACHE_CONTROL = 'private, no-store';

/** Forbids caches to store responses to authenticated requests. It runs right after authentication, so errors get the header too. */
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
