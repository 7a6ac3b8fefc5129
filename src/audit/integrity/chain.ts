import { createHmac, hash } from 'node:crypto';
import type { SealKey } from './seal-keys.js';

const TIME = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`;

/** A time as the database has it, to the microsecond, which a `Date` has not. */
export const exactTime = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', ${TIME})`;

/**
 * The canonical form of an event `e`: RFC 8785's JSON of its columns as text. PostgreSQL makes it, so that one text a row
 * goes over the wire: `row_to_json` writes no spaces, and the names stand here in the order that the RFC wants. It
 * writes a jsonb value in one way only, whatever the order and the spaces it came with, and its numbers digit by digit.
 */
export const CANONICAL = `(SELECT row_to_json(c)::text FROM (SELECT
  e.action, e.actor_id, e.address, e.id::text AS id, e.idempotency_key, e.metadata::text AS metadata,
  ${exactTime('e.occurred_at')} AS occurred_at, e.outcome, ${exactTime('e.recorded_at')} AS recorded_at,
  e.request_id, e.route, e.schema_version::text AS schema_version, e.severity, e.target, e.targets::text AS targets,
  e.tenant_id, e.trace_id, e.user_agent) c)`;

/** What a seal covers: the seal before it, the leaf of its event, its place and its time. */
export interface Link {
  readonly seq: number;
  /** Hexadecimal; see `leafHash()`. */
  readonly leaf: string;
  readonly sealedAt: string;
}

/** What stands before the first event of a tenant, in hexadecimal. */
export function genesis(tenant: string): string {
  return hash('sha256', `nest-bulwark audit chain 2\n${tenant}`, 'hex');
}

/** The next seal of a chain, in hexadecimal. */
export function seal(previous: string, { seq, leaf, sealedAt }: Link, key: SealKey): string {
  const text = `${previous}\n${seq}\n${leaf}\n${sealedAt}`;
  return key.secret === undefined
    ? hash('sha256', text, 'hex')
    : createHmac('sha256', key.secret).update(text).digest('hex');
}
