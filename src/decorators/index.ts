/**
 * Decorators that need no optional package. This entry loads no services, so tests of controllers can import it without
 * the database. The entries of the modules export the same decorators.
 */
export { Audited, type AuditedOptions } from '../audit/audited.decorator.js';
export { CurrentUser } from '../auth/current-user.decorator.js';
export { RecentAuthentication, type RecentAuthenticationOptions } from '../auth/recent-authentication.guard.js';
export {
  AllowApiKeys,
  AnyPermission,
  AuditAccess,
  Authorize,
  type AuthorizeOptions,
  Permissions,
  Roles,
} from '../authorization/index.js';
export { type Principal } from '../context/index.js';
export {
  Deprecated,
  type DeprecatedOptions,
  ETag,
  type ETagOptions,
  Envelope,
  NoEnvelope,
  Paginated,
} from '../conventions/index.js';
export { Authenticated, ChainedGuard, GuardOrder, Management, Operational, Public } from '../guards/index.js';
export { Idempotent, type IdempotentOptions, OperationId } from '../idempotency/index.js';
export { PeriodicTask, type PeriodicTaskOptions } from '../periodic-tasks/index.js';
export {
  HealthCheckOf,
  type HealthContributorOptions,
  OnShutdown,
  ShutdownPhase,
  ThrottleTier,
} from '../ports/index.js';
export { AllowAddresses, DenyAddresses } from '../security/address.guard.js';
export { AcceptBody } from '../security/accept-body.js';
export { BodyLimit } from '../security/body-limit.js';
export { RawBody } from '../security/raw-body.js';
export { CspNonce, Page, type PageSources } from '../security/page.js';
export { CurrentTenant } from '../tenants/current-tenant.decorator.js';
