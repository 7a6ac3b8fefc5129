export {
  AuditTrail,
  type AuditAction,
  type AuditActionName,
  type AuditActions,
  type AuditDelivery,
  type AuditInput,
  type AuditMetadata,
  type AuditOutcome,
  type AuditSeverity,
} from '../ports/index.js';
export { AUDIT_VOCABULARY, type AuditActionDefinition } from './actions.js';
export * from './audit-event.entity.js';
export * from './audit.module.js';
export { type AuditModuleOptions } from './audit.options.js';
export * from './audit.service.js';
export { Audited, type AuditedOptions } from './audited.decorator.js';
export * from './audit.reader.js';
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
export { AuditDigests, type DigestCheck } from './integrity/audit.digests.js';
export { AuditSealer } from './integrity/audit.sealer.js';
export { AuditVerifier } from './integrity/audit.verifier.js';
export * from './integrity/digest.store.js';
export { FileDigestStore } from './integrity/file-digest.store.js';
export { leafHash, MerkleTree, verifyConsistency, verifyInclusion } from './integrity/merkle.js';
export { S3DigestStore } from './integrity/s3-digest.store.js';
export * from './integrity/verification.js';
export { auditMigrations } from './store/create-audit.migration.js';
export { AuditMaintenance } from './store/audit.maintenance.js';
export { AuditScope, type AuditIsolation, type AuditVisibility } from './store/audit.scope.js';
