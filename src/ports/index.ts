export { type AuditSeverity } from '../audit-vocabulary/action.js';
export { type SuiteAuditActions } from '../audit-vocabulary/index.js';
export {
  type AuditAction,
  type AuditActionName,
  type AuditActions,
  type AuditDelivery,
  type AuditInput,
  type AuditMetadata,
  type AuditOutcome,
  AuditTrail,
} from './audit-trail.js';
export { CredentialVerifier } from './credential-verifier.js';
export { type FailureSubject, FailureThrottle } from './failure-throttle.js';
export {
  HEALTH_GROUPS,
  HealthCheckOf,
  type HealthContributor,
  type HealthContributorOptions,
  type HealthGroup,
  type HealthReport,
} from './health-contributor.js';
export { InputReports } from './input-reports.js';
export { type InFlightWork, Lifecycle, type LifecycleState } from './lifecycle.js';
export {
  type Counter,
  type GaugeReading,
  type Histogram,
  type Labels,
  type MetricFamily,
  type MetricOptions,
  Metrics,
} from './metrics.js';
export { type CachedResult, ResultCache } from './result-cache.js';
export { RoleCheck } from './role-check.js';
export { OnShutdown, type ShutdownParticipant, ShutdownPhase } from './shutdown-participant.js';
export { type Memberships, TenantDirectory } from './tenant-directory.js';
export { ThrottleTier } from './throttle-tier.js';
export { ViolationStreaks } from './violation-streaks.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { NoAuditTrail } from './audit-trail.js';
/** @internal */
export { NoFailureThrottle } from './failure-throttle.js';
/** @internal */
export { NoMetrics } from './metrics.js';
/** @internal */
export { REDIS } from './redis-token.js';
/** @internal */
export { NoResultCache } from './result-cache.js';
/** @internal */
export { ExactRoleCheck, RoleGuard } from './role-check.js';
/** @internal */
export { ROUTE_THROTTLE_TIERS } from './throttle-tier.js';
/** @internal */
export { withoutCompression } from './without-compression.js';
