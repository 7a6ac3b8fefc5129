import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';

const COLUMNS = {
  id: 'uuid',
  occurred_at: 'timestamptz',
  action: 'text',
  outcome: 'text',
  severity: 'text',
  actor_id: 'text',
  tenant_id: 'text',
  target: 'text',
  targets: 'text[]',
  request_id: 'text',
  trace_id: 'text',
  address: 'text',
  user_agent: 'text',
  route: 'text',
  idempotency_key: 'text',
  schema_version: 'smallint',
  metadata: 'jsonb',
} as const;

const NAMES = Object.keys(COLUMNS).join(', ');
const TYPED = Object.entries(COLUMNS)
  .map(([name, type]) => `${name} ${type}`)
  .join(', ');

/**
 * One parameter, whatever the number of events, which PostgreSQL takes apart: the text that stands in the journal is
 * what is sent. A batch whose answer was lost, or that a journal holds as well, may come again; its ids tell.
 */
const INSERT = `
  WITH inserted AS (
    INSERT INTO audit_events (${NAMES})
    SELECT ${NAMES} FROM json_to_recordset($1::json) AS event(${TYPED})
    ON CONFLICT DO NOTHING
    RETURNING id, tenant_id
  )
  INSERT INTO audit_unsealed (tenant, event_id) SELECT coalesce(tenant_id, ''), id FROM inserted`;

/** Puts events into PostgreSQL. */
@Injectable()
export class AuditStore {
  constructor(@InjectDataSource() private readonly source: DataSource) {}

  /** @param lines events as {@link AuditRecord} in JSON */
  async insert(lines: readonly string[]): Promise<void> {
    await this.source.query(INSERT, [`[${lines.join(',')}]`]);
  }
}

/** Whether the database refuses an event for what it is (SQLSTATE classes 22 and 23), so that to try again is of no use. */
export function isRefusal(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^2[23]/.test(code);
}
