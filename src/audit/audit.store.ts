import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';

/**
 * One parameter, whatever the number of events, which PostgreSQL takes apart: the text that stands in the journal is
 * what is sent. A batch whose answer was lost, or that a journal holds as well, may come again; its ids tell. The
 * function runs as a role that may only insert.
 */
const INSERT = 'SELECT audit_append($1)';

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
