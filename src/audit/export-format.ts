import type { AuditEvent } from './audit-event.entity.js';

const COLUMNS = [
  'id',
  'occurredAt',
  'recordedAt',
  'action',
  'outcome',
  'severity',
  'actorId',
  'tenantId',
  'targets',
  'requestId',
  'traceId',
  'address',
  'userAgent',
  'route',
  'metadata',
] as const satisfies readonly (keyof AuditEvent)[];

/**
 * Texts that a spreadsheet treats as a formula, also after spaces and in full-width characters (OWASP, CSV injection).
 */
const FORMULA = /^[\s\uFEFF]*[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/;

/** A file format for events. */
export interface ExportFormat {
  readonly mediaType: string;
  readonly head: string;
  readonly line: (event: AuditEvent) => string;
}

export const EXPORT_FORMATS = {
  ndjson: { mediaType: 'application/x-ndjson', head: '', line: (event) => `${JSON.stringify(event)}\n` },
  csv: {
    mediaType: 'text/csv; charset=utf-8',
    head: `${COLUMNS.join(',')}\r\n`,
    line: (event) => `${COLUMNS.map((column) => csvCell(event[column])).join(',')}\r\n`,
  },
} as const satisfies Record<string, ExportFormat>;

export function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = value instanceof Date ? value.toISOString() : typeof value === 'string' ? value : JSON.stringify(value);
  return `"${(FORMULA.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
}
