import { createHmac, hash } from 'node:crypto';
import type { SealKey } from './seal-keys.js';

const TIME = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`;

/** A time with the microseconds of the database. A `Date` has only milliseconds. */
export const exactTime = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', ${TIME})`;

/**
 * The canonical form of an event `e`: its columns, as text values, in JSON of RFC 8785. PostgreSQL creates it, so that
 * each row is sent as one text. `row_to_json` writes no spaces, and the names below have the order of the RFC. A jsonb
 * value has only one text form, independent of the order and the spaces of its input.
 */
export const CANONICAL = `(SELECT row_to_json(c)::text FROM (SELECT
  e.action, e.actor_id, e.address, e.id::text AS id, e.idempotency_key, e.metadata::text AS metadata,
  ${exactTime('e.occurred_at')} AS occurred_at, e.outcome, ${exactTime('e.recorded_at')} AS recorded_at,
  e.request_id, e.route, e.schema_version::text AS schema_version, e.severity, e.target, e.targets::text AS targets,
  e.tenant_id, e.trace_id, e.user_agent) c)`;

/** The content of a seal, together with the previous seal. */
export interface Link {
  readonly seq: number;
  /** Hexadecimal; see `leafHash()`. */
  readonly leaf: string;
  readonly sealedAt: string;
}

/** The hash before the first event of a tenant, in hexadecimal. */
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
