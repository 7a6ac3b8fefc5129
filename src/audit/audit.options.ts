/** @publicApi */
export interface AuditModuleOptions {
  /** Events that are written together. @default 100 */
  batchSize?: number;
  /** Longest wait of an event before it is written, in milliseconds. @default 5000 */
  flushIntervalMs?: number;
  /** Events kept in memory while the database is away; beyond it the newest are dropped and counted. @default 10000 */
  maxPending?: number;
}

export type AuditSettings = Readonly<Required<AuditModuleOptions>>;

export const AUDIT_SETTINGS = Symbol('bulwark.auditSettings');

export function auditSettings(options: AuditModuleOptions): AuditSettings {
  return Object.freeze({
    batchSize: options.batchSize ?? 100,
    flushIntervalMs: options.flushIntervalMs ?? 5_000,
    maxPending: options.maxPending ?? 10_000,
  });
}
