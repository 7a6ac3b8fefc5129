export { AuditTrail, type AuditInput, type AuditOutcome, type AuditSeverity } from '../common/index.js';
export * from './audit-event.entity.js';
export * from './audit.module.js';
export { type AuditModuleOptions } from './audit.options.js';
export * from './audit.service.js';
export * from './create-audit-events.migration.js';
