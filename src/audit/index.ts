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
export * from './feed/create-audit-feed.migration.js';
export * from './sinks/audit-sink.js';
export { AuditSinks } from './sinks/audit.sinks.js';
export * from './sinks/file.sink.js';
export * from './sinks/kafka.sink.js';
export * from './sinks/otel-logs.sink.js';
export * from './sinks/postgres.sink.js';
export * from './sinks/redis-stream.sink.js';
export { type SinkState } from './sinks/sink.runner.js';
export { type StandardSchemaV1 } from './standard-schema.js';
export { ocsfOf, owaspNameOf } from './vocabulary-map.js';
