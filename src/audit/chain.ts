import { createHash, createHmac } from 'node:crypto';

/**
 * The columns of an event as text, which is what is hashed. PostgreSQL writes a jsonb value in one way only, whatever
 * the order and the spaces it came with, and its numbers digit by digit.
 */
export const CANONICAL_COLUMNS = `
  e.id::text AS id, e.action, e.outcome, e.severity, e.actor_id, e.tenant_id, e.target, e.targets::text AS targets,
  e.request_id, e.trace_id, e.address, e.user_agent, e.route, e.idempotency_key,
  e.schema_version::text AS schema_version, e.metadata::text AS metadata,
  to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') AS occurred_at,
  to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') AS recorded_at`;

export type CanonicalRow = Readonly<Record<string, string | null>>;

/** JSON with sorted names and nothing but texts and null in it: where that is all, it is RFC 8785's form. */
export function canonical(row: CanonicalRow): string {
  return JSON.stringify(row, Object.keys(row).sort());
}

/** Makes the seals of one chain: each covers its event, its place and the seal before. */
export class Sealing {
  constructor(private readonly secret: string | undefined) {}

  /** What stands before the first event of a tenant. */
  genesis(tenant: string): Buffer {
    return this.hash().update(`nest-bulwark audit chain 1\n${tenant}`).digest();
  }

  next(previous: Buffer, seq: bigint, row: CanonicalRow): Buffer {
    return this.hash().update(previous).update(`${seq}\n`).update(canonical(row)).digest();
  }

  private hash() {
    return this.secret === undefined ? createHash('sha256') : createHmac('sha256', this.secret);
  }
}
