import { NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import type { INestApplicationContext, Type } from '@nestjs/common';
import {
  AuditModule,
  AuditSealer,
  AuditService,
  AuditVerifier,
  type AuditModuleOptions,
} from '../../src/audit/index.js';
import { DatabaseModule } from '../../src/database/index.js';
import { migrations } from '../../src/migrations.js';

/** The audit module and a database, and nothing else. */
export class AuditApp {
  private constructor(private readonly app: INestApplicationContext) {}

  static async start(url: string, options: AuditModuleOptions = {}): Promise<AuditApp> {
    const database = DatabaseModule.forRoot({ url, migrations, poolMin: 0, poolMax: 3, connectTimeoutMs: 1_000 });
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

  get<T>(token: Type<T>): T {
    return this.app.get(token);
  }

  // oxlint-disable-next-line typescript/no-explicit-any
  sql(sql: string, values: unknown[] = []): Promise<any[]> {
    return this.app.get(DataSource).query(sql, values);
  }

  stop(): Promise<void> {
    return this.app.close();
  }
}
