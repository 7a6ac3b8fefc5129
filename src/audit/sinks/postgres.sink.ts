import type { AuditEvent } from '../audit-event.entity.js';
import type { AuditSink, DeliveredEvent } from './audit-sink.js';

/** A client that can run a statement with parameters, such as a pool of `pg` or a TypeORM `DataSource`. @publicApi */
export interface SqlClient {
  query(sql: string, parameters: unknown[]): Promise<unknown>;
}

/** @publicApi */
export interface PostgresSinkOptions {
  /** Connects to the other database. */
  client: SqlClient;
  /**
   * Name of the table, with its schema if needed. docs/audit.md has the CREATE TABLE statement.
   * @default 'audit_events'
   */
  table?: string;
  /** @default 'postgres' */
  name?: string;
}

const COLUMNS = {
  id: 'uuid',
  occurred_at: 'timestamptz',
  recorded_at: 'timestamptz',
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

const COLUMN_NAMES = Object.keys(COLUMNS).join(', ');
const COLUMN_DEFINITIONS = Object.entries(COLUMNS)
  .map(([name, type]) => `${name} ${type}`)
  .join(', ');

/**
 * Copies events to a table in another PostgreSQL database, such as a data warehouse. Repeated events are ignored by id.
 *
 * @publicApi
 */
export class PostgresSink implements AuditSink {
  readonly name: string;
  private readonly client: SqlClient;
  private readonly statement: string;

  constructor({ client, table = 'audit_events', name = 'postgres' }: PostgresSinkOptions) {
    this.name = name;
    this.client = client;
    this.statement = `
      INSERT INTO ${table.split('.').map(quoteIdentifier).join('.')} (${COLUMN_NAMES})
      SELECT ${COLUMN_NAMES} FROM json_to_recordset($1::json) AS event(${COLUMN_DEFINITIONS}) ON CONFLICT (id) DO NOTHING`;
  }

  async write(events: readonly DeliveredEvent[]): Promise<void> {
    await this.client.query(this.statement, [JSON.stringify(events.map(({ event }) => toRow(event)))]);
  }
}

/** Converts names such as `occurredAt` to column names such as `occurred_at`. */
function toRow(event: AuditEvent): Record<string, unknown> {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(event).map(([name, value]) => [snake(name), value as unknown]));
}

function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
