import type { AuditDelivery, AuditSeverity } from '../ports/index.js';
import type { AuditActionDefinition } from './actions.js';
import type { DigestStore } from './integrity/digest.store.js';
import type { AuditSink } from './sinks/audit-sink.js';

/** @publicApi */
export interface AuditModuleOptions {
  /**
   * Number of pending events that starts a write. The write stores all pending events, up to 1,000 in a statement.
   * @default 100
   */
  batchSize?: number;
  /** Maximum time before a pending event is written, in milliseconds. @default 5000 */
  flushIntervalMs?: number;
  /**
   * Maximum number of events in memory while the database is unavailable. Beyond it, `batch` events are dropped and
   * counted, and `durable` events are only in the journal. @default 10000
   */
  maxPending?: number;
  /**
   * Folder of the journal for durable events. Each process creates a subfolder. Without this option, durable events are
   * written to the database before the response is sent. @default none
   */
  journalDir?: string;
  /** Size at which the journal starts a new segment, in bytes. @default 8 MiB */
  journalSegmentBytes?: number;
  /**
   * Maximum size of the journal, in bytes. When it is full, durable events are written as strict events.
   * @default 256 MiB
   */
  journalMaxBytes?: number;
  /**
   * Delivery mode by severity: when an event counts as recorded. Security events are at least `durable`.
   * @default `{ INFO: 'batch', WARNING: 'durable', ERROR: 'durable', CRITICAL: 'durable' }`
   */
  delivery?: Partial<Record<AuditSeverity, AuditDelivery>>;
  /** Actions of the application, with their schemas. @default [] */
  actions?: readonly AuditActionDefinition[];
  /** More names of metadata whose values are never stored. Case, `-` and `_` are ignored. @default [] */
  redact?: readonly string[];
  /** Whether email addresses are stored as `s***@example.com`. @default false */
  redactEmails?: boolean;
  /**
   * Requests that are recorded as `api.request`: all, only those with an unsafe method (such as POST), or none.
   * Operational routes are never recorded. @default 'none'
   */
  requests?: 'all' | 'mutating' | 'none';
  /** Whether the application serves `GET /audit/events` and the other routes of the audit trail. @default false */
  adminRoutes?: boolean;
  /** Role that may read the audit trail. @default 'Admin' */
  adminRole?: string;
  /** Time between two runs of the sealer, in milliseconds; 0 disables the sealer. @default 1000 */
  sealIntervalMs?: number;
  /**
   * Secret key of the seals. Without a key, anyone who can write to all tables can create a new chain that passes
   * verification. With a key, only its owner can. All replicas must have the same key. @default none
   */
  sealSecret?: string;
  /** Earlier seal secrets, which still verify. The value `none` accepts seals without a secret. @default [] */
  oldSealSecrets?: readonly string[];
  /** Ed25519 private key (PEM) that signs digests and checkpoints. @default an HMAC key derived from `sealSecret` */
  signingKey?: string;
  /** Ed25519 public keys (PEM) of earlier signing keys, which still verify. @default [] */
  oldSigningKeys?: readonly string[];
  /** Time between two digests of the chains, in milliseconds. @default 1 hour */
  digestIntervalMs?: number;
  /** Where digests are stored outside the database: a folder, or your own digest store. @default none */
  digests?: string | DigestStore;
  /**
   * Expected trail id. A person who can write to the database can change the id there. This setting, like the id in the
   * digest store, reveals such a change. `nest-bulwark audit verify` prints the id. @default none
   */
  logId?: string;
  /**
   * Whether an empty digest store accepts the digests of the database. Nothing outside the database confirms these
   * digests. A new replica with its own folder needs this setting. Without it, an empty store is a fault if the
   * database has digests. @default false
   */
  adoptDigests?: boolean;
  /** Days after which events are dropped. Only whole months are dropped. @default never */
  retentionDays?: number;
  /** Time between two runs of maintenance (partitions, retention), in milliseconds; 0 disables it. @default 1 hour */
  maintenanceIntervalMs?: number;
  /** Additional destinations that receive every stored event. @default [] */
  sinks?: readonly AuditSink[];
  /**
   * Time limit for one write of a sink, in milliseconds. After it, the write has failed and is repeated.
   * @default 30000
   */
  sinkTimeoutMs?: number;
  /** Poll interval of sinks and live tails that have no new events, in milliseconds. @default 500 */
  feedPollMs?: number;
  /**
   * Retention of the feed, in milliseconds. A live tail can reconnect within this time without missing events. Rows
   * that a sink still needs are always kept. @default 3600000
   */
  feedRetentionMs?: number;
  /** Maximum number of open live tails in each process. @default 20 */
  maxTailClients?: number;
  /**
   * Maximum time in which the client of a live tail must receive sent data, in milliseconds. After it, the tail ends.
   * @default 30000
   */
  tailClientTimeoutMs?: number;
}

type OptionalSetting = 'journalDir' | 'sealSecret' | 'signingKey' | 'digests' | 'logId' | 'retentionDays';

export type AuditSettings = Readonly<
  Required<Omit<AuditModuleOptions, OptionalSetting | 'delivery'>> & {
    [Name in OptionalSetting]: AuditModuleOptions[Name] | undefined;
  } & {
    delivery: Readonly<Record<AuditSeverity, AuditDelivery>>;
  }
>;

export const AUDIT_SETTINGS = Symbol('bulwark.auditSettings');

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;

export function auditSettings(options: AuditModuleOptions): AuditSettings {
  return Object.freeze({
    batchSize: options.batchSize ?? 100,
    flushIntervalMs: options.flushIntervalMs ?? 5_000,
    maxPending: options.maxPending ?? 10_000,
    journalDir: options.journalDir,
    journalSegmentBytes: options.journalSegmentBytes ?? 8 * MIB,
    journalMaxBytes: options.journalMaxBytes ?? 256 * MIB,
    delivery: {
      INFO: 'batch',
      WARNING: 'durable',
      ERROR: 'durable',
      CRITICAL: 'durable',
      ...options.delivery,
    } as const,
    actions: options.actions ?? [],
    redact: options.redact ?? [],
    redactEmails: options.redactEmails ?? false,
    requests: options.requests ?? 'none',
    adminRoutes: options.adminRoutes ?? false,
    adminRole: options.adminRole ?? 'Admin',
    sealIntervalMs: options.sealIntervalMs ?? 1_000,
    sealSecret: options.sealSecret,
    oldSealSecrets: options.oldSealSecrets ?? [],
    signingKey: options.signingKey,
    oldSigningKeys: options.oldSigningKeys ?? [],
    digestIntervalMs: options.digestIntervalMs ?? HOUR_MS,
    digests: options.digests,
    logId: options.logId,
    adoptDigests: options.adoptDigests ?? false,
    retentionDays: options.retentionDays,
    maintenanceIntervalMs: options.maintenanceIntervalMs ?? HOUR_MS,
    sinks: options.sinks ?? [],
    sinkTimeoutMs: options.sinkTimeoutMs ?? 30_000,
    feedPollMs: options.feedPollMs ?? 500,
    feedRetentionMs: options.feedRetentionMs ?? 3_600_000,
    maxTailClients: options.maxTailClients ?? 20,
    tailClientTimeoutMs: options.tailClientTimeoutMs ?? 30_000,
  });
}
