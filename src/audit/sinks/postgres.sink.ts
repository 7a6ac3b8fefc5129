import type { AuditEvent } from '../audit-event.entity.js';
import type { AuditSink, DeliveredEvent } from './audit-sink.js';

/** A pool of `pg`, a TypeORM `DataSource`, or whatever else sends a statement with parameters. @publicApi */
export interface SqlClient {
  query(sql: string, parameters: unknown[]): Promise<unknown>;
}

/** @publicApi */
export interface PostgresSinkOptions {
  /** Connects to the other database. */
  client: SqlClient;
  /** Table to write to, with its schema where needed; docs/audit.md has its statement. @default 'audit_events' */
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

const NAMES = Object.keys(COLUMNS).join(', ');
const TYPED = Object.entries(COLUMNS)
  .map(([name, type]) => `${name} ${type}`)
  .join(', ');

/**
 * Copies events to a table of another PostgreSQL, such as a warehouse. A repeated event meets its id there.
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
      INSERT INTO ${table.split('.').map(quoted).join('.')} (${NAMES})
      SELECT ${NAMES} FROM json_to_recordset($1::json) AS event(${TYPED}) ON CONFLICT (id) DO NOTHING`;
  }

  async write(events: readonly DeliveredEvent[]): Promise<void> {
    await this.client.query(this.statement, [JSON.stringify(events.map(({ event }) => rowOf(event)))]);
  }
}

/** `occurredAt` is `occurred_at` there. */
function rowOf(event: AuditEvent): Record<string, unknown> {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(event).map(([name, value]) => [snake(name), value as unknown]));
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
