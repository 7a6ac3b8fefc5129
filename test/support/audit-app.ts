import { NestFactory } from '@nestjs/core';
import { DataSource, type EntityManager } from 'typeorm';
import type { INestApplicationContext, Type } from '@nestjs/common';
import {
  AuditDigests,
  AuditModule,
  AuditSealer,
  AuditService,
  AuditVerifier,
  type AuditModuleOptions,
  type ChainHead,
  type Verification,
  type VerifyOptions,
} from '../../src/audit/index.js';
import { DatabaseModule } from '../../src/database/index.js';
import { migrations } from '../../src/migrations.js';
import { sqlSeeingAll } from './database.js';

/** An application with only the audit module and a database. */
export class AuditApp {
  private constructor(private readonly app: INestApplicationContext) {}

  static async start(url: string, options: AuditModuleOptions = {}): Promise<AuditApp> {
    const database = DatabaseModule.forRoot({ url, migrations, poolMin: 0, poolMax: 6, connectTimeoutMs: 30_000 });
    const imports = [database, AuditModule.forRoot({ flushIntervalMs: 20, feedPollMs: 20, ...options })];
    const app = await NestFactory.createApplicationContext(
      { module: class {}, imports },
      { logger: false, abortOnError: false },
    );
    return new AuditApp(app);
  }

  get audit(): AuditService {
    return this.app.get(AuditService);
  }

  get sealer(): AuditSealer {
    return this.app.get(AuditSealer);
  }

  get verifier(): AuditVerifier {
    return this.app.get(AuditVerifier);
  }

  get digests(): AuditDigests {
    return this.app.get(AuditDigests);
  }

  get<T>(token: Type<T>): T {
    return this.app.get(token);
  }

  /** Records one event per target, and seals the events. */
  async sealed(targets: readonly string[], tenantId?: string): Promise<void> {
    for (const target of targets) {
      this.audit.record({ action: 'thing.made', outcome: 'success', target, tenantId, metadata: { target } });
    }
    await this.audit.flush();
    await this.sealer.seal();
  }

  /** Changes rows without the triggers, returns the result of the verifier, and rolls the changes back. */
  async verifyWith(
    change: (manager: EntityManager) => Promise<unknown>,
    options: VerifyOptions = {},
    kept: readonly ChainHead[] = [],
  ): Promise<Verification> {
    const runner = this.app.get(DataSource).createQueryRunner();
    try {
      await runner.startTransaction('REPEATABLE READ');
      await withoutTriggers(runner.manager);
      await change(runner.manager);
      const heads = new Map(kept.map((head) => [head.tenant, head]));
      return await this.verifier.verifyWithin(runner.manager, options, { heads, count: 0 });
    } finally {
      await runner.rollbackTransaction();
      await runner.release();
    }
  }

  /** Changes rows without the triggers, and commits the changes. */
  async tamper(...statements: string[]): Promise<void> {
    await this.app.get(DataSource).transaction(async (manager) => {
      await withoutTriggers(manager);
      for (const statement of statements) await manager.query(statement);
      for (const table of PROTECTED) await manager.query(`ALTER TABLE ${table} ENABLE TRIGGER USER`);
    });
  }

  /** Switches the triggers off in a transaction, and makes the rows of all tenants visible. */
  disarm(manager: EntityManager): Promise<void> {
    return withoutTriggers(manager);
  }

  /** Runs a statement that sees the audit rows of all tenants. */
  sql(sql: string, values: unknown[] = []) {
    return sqlSeeingAll(this.app.get(DataSource), sql, values);
  }

  stop(): Promise<void> {
    return this.app.close();
  }
}

/** Tables with rows that triggers protect. The owner of the tables can switch the triggers off. */
const PROTECTED = ['audit_events', 'audit_seals', 'audit_checkpoints', 'audit_digests', 'audit_log'];

async function withoutTriggers(manager: EntityManager): Promise<void> {
  await manager.query(`SELECT set_config('app.audit_scope', 'all', true)`);
  for (const table of PROTECTED) await manager.query(`ALTER TABLE ${table} DISABLE TRIGGER USER`);
}
