export { getClientAddress, parseAddress } from './client-address.js';
export { type ApiKeyIdentity, type Principal, PrincipalResolver } from './principal.js';
export { type RequestHook, RequestHookOrder, RequestHooks } from './request-hooks.js';
export { type AdapterRequest, RequestContext, currentContext, runWithContext } from './request-context.js';
export { type RoutePlacement, withRoutes } from './with-routes.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { collectCredentials, hasIdentity } from './credentials.js';
/** @internal */
export { getRequest, getResponse } from './http-context.js';
/** @internal */
export { attachContext, getRequestContext, routePattern, runOutsideRequests } from './request-context.js';
/** @internal */
export { RequestHooksModule } from './request-hooks.js';
/** @internal */
export { ImportedOnce, SuiteRoutesModule } from './suite-routes.js';
/** @internal */
export { requestPath } from './request-path.js';
/** @internal */
export { AUDIT_UNAVAILABLE_DETAIL } from './response-hold.js';
