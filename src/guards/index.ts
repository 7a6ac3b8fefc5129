export { ChainedGuard, GuardOrder } from './guard-chain.js';
export { Authenticated, Management, Operational, Public } from './route-access.js';
export { RouteMemo } from './route-memo.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { GuardChainModule } from './guard-chain.js';
/** @internal */
export { overridableGuards } from './overridable-guards.js';
/** @internal */
export { createMissingTokenProblem, createUnauthorizedProblem } from './unauthorized.js';
/** @internal */
export { listHandlers } from './list-handlers.js';
/** @internal */
export {
  ALSO_ON_MAIN_PORT,
  AlsoOnMainPort,
  MANAGEMENT_ROUTE,
  OPERATIONAL_ROUTE,
  PUBLIC_ROUTE,
  hasRouteFlag,
} from './route-access.js';
