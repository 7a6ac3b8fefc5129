export { type AuditSeverity } from '../audit-vocabulary/index.js';
export {
  type AuditAction,
  type AuditActionName,
  type AuditActions,
  type AuditDelivery,
  type AuditInput,
  type AuditMetadata,
  type AuditOutcome,
  AuditTrail,
} from '../ports/index.js';
export { AUDIT_VOCABULARY, type AuditActionDefinition } from './actions.js';
export { AuditEvent } from './audit-event.entity.js';
export { AuditModule } from './audit.module.js';
export { type AuditModuleOptions } from './audit.options.js';
export { type AuditFilter, type AuditPage, AuditReader } from './audit.reader.js';
export { type AuditBacklog, AuditService } from './audit.service.js';
export { Audited, type AuditedOptions } from './audited.decorator.js';
export { AuditDigests, type DigestCheck } from './integrity/audit.digests.js';
export { AuditVerifier } from './integrity/audit.verifier.js';
export { DigestStore } from './integrity/digest.store.js';
export { FileDigestStore } from './integrity/file-digest.store.js';
export { MerkleTree, leafHash, verifyConsistency, verifyInclusion } from './integrity/merkle.js';
export { S3DigestStore } from './integrity/s3-digest.store.js';
export {
  type ChainFault,
  type ChainHead,
  type KnownHead,
  type Verification,
  type VerifyOptions,
} from './integrity/verification.js';
export { type AuditSink, type DeliveredEvent } from './sinks/audit-sink.js';
export { FileSink, type FileSinkOptions } from './sinks/file.sink.js';
export { type KafkaMessage, type KafkaProducer, KafkaSink, type KafkaSinkOptions } from './sinks/kafka.sink.js';
export {
  ConfirmedLogProcessor,
  type OtelLogRecord,
  type OtelLoggerProvider,
  OtelLogsSink,
  type OtelLogsSinkOptions,
} from './sinks/otel-logs.sink.js';
export { PostgresSink, type PostgresSinkOptions, type SqlClient } from './sinks/postgres.sink.js';
export { RedisStreamSink, type RedisStreamSinkOptions } from './sinks/redis-stream.sink.js';
export { type StandardSchemaV1 } from './standard-schema.js';
export { type AuditIsolation, AuditScope, type AuditVisibility } from './store/audit.scope.js';
export { auditMigrations } from './store/create-audit.migration.js';
export { ocsfOf, owaspNameOf } from './vocabulary-map.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { AuditSealer } from './integrity/audit.sealer.js';
/** @internal */
export { AuditSinks } from './sinks/audit.sinks.js';
/** @internal */
export { AuditMaintenance } from './store/audit.maintenance.js';
/** @internal */
export { AUDIT_SETTINGS, type AuditSettings } from './audit.options.js';
