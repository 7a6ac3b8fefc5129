import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Pool } from 'pg';
import { DataSource, MigrationExecutor } from 'typeorm';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../ports/index.js';
import { excessOf, readLogin } from './login.js';

/**
 * Reports migrations of this build that the database does not have, for example after a restore or a manual rollback.
 */
@Injectable()
@HealthCheckOf({ key: 'migrations', critical: false, groups: ['startup', 'full', 'deep'], cacheMs: 30_000 })
export class MigrationsHealth implements HealthContributor {
  constructor(@InjectDataSource() private readonly source: DataSource) {}

  async check(): Promise<HealthReport> {
    const pending = await new MigrationExecutor(this.source).getPendingMigrations();
    const names = pending.map(({ name }) => name);
    return names.length > 0 ? { pending: names, degraded: `${names.length} migrations are pending` } : {};
  }
}

/** Reports a login with more privileges than an application should have. */
@Injectable()
@HealthCheckOf({ key: 'database-login', critical: false, groups: ['full', 'deep'], cacheMs: 30_000 })
export class DatabaseLoginHealth implements HealthContributor {
  constructor(@InjectDataSource() private readonly source: DataSource) {}

  async check(): Promise<HealthReport> {
    const login = await readLogin(this.source);
    const excess = excessOf(login);
    return { ...login, ...(excess !== undefined && { degraded: excess }) };
  }
}

/** The pg pool of a data source. */
export function poolOf(source: DataSource): Pool {
  return (source.driver as unknown as { master: Pool }).master;
}
