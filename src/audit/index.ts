export {
  AuditTrail,
  type AuditActions,
  type AuditDelivery,
  type AuditInput,
  type AuditMetadata,
  type AuditOutcome,
  type AuditSeverity,
} from '../common/index.js';
export { AUDIT_VOCABULARY, type AuditActionDefinition } from './actions.js';
export * from './audit-event.entity.js';
export * from './audit.module.js';
export { type AuditModuleOptions } from './audit.options.js';
export { AuditSealer } from './audit.sealer.js';
export * from './audit.service.js';
export { Audited, type AuditedOptions } from './audited.decorator.js';
export * from './audit.reader.js';
export * from './audit.verifier.js';
export * from './create-audit-events.migration.js';
export * from './create-audit-seals.migration.js';
export * from './extend-audit-events.migration.js';
export { type StandardSchemaV1 } from './standard-schema.js';
export { ocsfOf, owaspNameOf } from './vocabulary-map.js';
