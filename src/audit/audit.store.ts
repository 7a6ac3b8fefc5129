import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { InjectModuleDataSource } from '../database/index.js';

/**
 * The statement has one parameter, a JSON array. Its elements are the lines of the journal, and PostgreSQL parses them.
 * The same event may be sent twice: after a lost answer, or from memory and from the journal. The function ignores ids
 * that are already stored. It runs as a role that may only insert.
 */
const INSERT = 'SELECT audit_append($1)';

/** Inserts events into PostgreSQL. */
@Injectable()
export class AuditStore {
  constructor(@InjectModuleDataSource() private readonly source: DataSource) {}

  /** @param lines events as {@link AuditRecord} in JSON */
  async insert(lines: readonly string[]): Promise<void> {
    await this.source.query(INSERT, [`[${lines.join(',')}]`]);
  }
}

/** Whether the database rejects the data of an event (SQLSTATE classes 22 and 23), so that a retry cannot succeed. */
export function isRefusal(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^2[23]/.test(code);
}
