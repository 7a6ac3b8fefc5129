import type { AuditDelivery, AuditSeverity } from '../ports/index.js';
import type { AuditActionDefinition } from './actions.js';
import type { DigestStore } from './integrity/digest.store.js';
import type { AuditSink } from './sinks/audit-sink.js';

/** @publicApi */
export interface AuditModuleOptions {
  /** Events after which a write begins. It takes all that wait, up to 1,000 in a statement. @default 100 */
  batchSize?: number;
  /** Longest wait of an event before it is written, in milliseconds. @default 5000 */
  flushIntervalMs?: number;
  /**
   * Events kept in memory while the database is away. Beyond it, those of mode `batch` are dropped and counted, and
   * those of mode `durable` are in the journal alone. @default 10000
   */
  maxPending?: number;
  /**
   * Folder of the journal of durable events; each process makes its own beneath it. Without one, durable events are
   * written to the database before the request is answered. @default none
   */
  journalDir?: string;
  /** Size at which a segment of the journal is followed by a new one, in bytes. @default 8 MiB */
  journalSegmentBytes?: number;
  /** Size of the whole journal, in bytes. When it is full, durable events are written as strict ones. @default 256 MiB */
  journalMaxBytes?: number;
  /**
   * When an event counts as recorded, by its severity. Security events are durable at least.
   * @default `{ INFO: 'batch', WARNING: 'durable', ERROR: 'durable', CRITICAL: 'durable' }`
   */
  delivery?: Partial<Record<AuditSeverity, AuditDelivery>>;
  /** Actions of the application itself, with their schemas. @default [] */
  actions?: readonly AuditActionDefinition[];
  /** Further names of metadata whose values are never stored; case, `-` and `_` do not matter. @default [] */
  redact?: readonly string[];
  /** Whether email addresses are stored as `s***@example.com`. @default false */
  redactEmails?: boolean;
  /**
   * Calls of routes that are recorded as `api.request`: all, those whose method changes something, or none. Those of
   * probes are not. @default 'none'
   */
  requests?: 'all' | 'mutating' | 'none';
  /** Serves `GET /audit/events` and its siblings. @default false */
  adminRoutes?: boolean;
  /** Role that may read. @default 'Admin' */
  adminRole?: string;
  /** Pause between two runs that seal what has been stored, in milliseconds; 0 seals nothing. @default 1000 */
  sealIntervalMs?: number;
  /**
   * Key of the seals. Without one, whoever may write to every table can make a chain anew that verifies; with one, only
   * who has it. All replicas have the same. @default none
   */
  sealSecret?: string;
  /** Secrets that sealed before and still verify; `none` for the time when there was none. @default [] */
  oldSealSecrets?: readonly string[];
  /** Ed25519 private key (PEM) that signs digests and checkpoints. @default an HMAC key derived from `sealSecret` */
  signingKey?: string;
  /** Ed25519 public keys (PEM) that signed before and still verify. @default [] */
  oldSigningKeys?: readonly string[];
  /** Pause between two digests of the chains, in milliseconds. @default 1 hour */
  digestIntervalMs?: number;
  /** Where digests go out of the database: a folder, or a store of one's own. @default nowhere */
  digests?: string | DigestStore;
  /**
   * Id of the trail in this database. Pins it outside of the database, beside what the digest store knows: a person who
   * can write to the database cannot make another trail of it. `nest-bulwark audit verify` prints the id. @default none
   */
  logId?: string;
  /**
   * Lets an empty digest store take the digests of the database, which then nothing outside confirms. New replicas with a
   * folder of their own need it. Without it, an empty store beside digests in the database is a fault. @default false
   */
  adoptDigests?: boolean;
  /** Days after which events are dropped, a month at a time; the last days of a month stay until the whole month may go. @default never */
  retentionDays?: number;
  /** Pause between two looks at partitions and retention, in milliseconds; 0 never looks. @default 1 hour */
  maintenanceIntervalMs?: number;
  /** Further places that every stored event goes to. @default [] */
  sinks?: readonly AuditSink[];
  /** Longest wait for a sink to take a batch, in milliseconds; then it has failed and gets it again. @default 30000 */
  sinkTimeoutMs?: number;
  /** Pause between two looks for stored events by sinks and live tails that are up to date, in milliseconds. @default 500 */
  feedPollMs?: number;
  /**
   * How long the order of storing is kept, in milliseconds, for live tails that come back. What a sink still needs is
   * kept in any case. @default 3600000
   */
  feedKeepMs?: number;
  /** Live tails that may be open at once, in each process. @default 20 */
  tailClients?: number;
  /** How long the client of a live tail may leave what was sent to it, before the tail ends, in milliseconds. @default 30000 */
  tailPatienceMs?: number;
}

type Unset = 'journalDir' | 'sealSecret' | 'signingKey' | 'digests' | 'logId' | 'retentionDays';

export type AuditSettings = Readonly<
  Required<Omit<AuditModuleOptions, Unset | 'delivery'>> & {
    [Name in Unset]: AuditModuleOptions[Name] | undefined;
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
    feedKeepMs: options.feedKeepMs ?? 3_600_000,
    tailClients: options.tailClients ?? 20,
    tailPatienceMs: options.tailPatienceMs ?? 30_000,
  });
}
