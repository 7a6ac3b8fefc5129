import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Pool } from 'pg';
import { DataSource, MigrationExecutor } from 'typeorm';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../ports/index.js';
import { excessOf, readLogin } from './login.js';

/** A pool that has given a connection back this recently is busy, not stuck. */
const RECENTLY_MS = 1_000;

/**
 * Asks the database through the application's own pool. When every connection is taken the check would stand in line
 * with the requests, and a busy hour would look like an outage; that connections come back is then proof enough.
 */
@Injectable()
@HealthCheckOf({ key: 'database', groups: ['ready', 'startup', 'full', 'deep'] })
export class DatabaseHealth implements HealthContributor {
  private lastReleaseAt = 0;

  constructor(@InjectDataSource() private readonly source: DataSource) {
    poolOf(source).on('release', () => (this.lastReleaseAt = performance.now()));
  }

  async check(): Promise<HealthReport> {
    const pool = poolOf(this.source);
    const { totalCount: connections, idleCount: idle, waitingCount: waiting } = pool;
    const isExhausted = idle === 0 && connections >= (pool.options.max ?? Infinity);
    if (isExhausted && performance.now() - this.lastReleaseAt < RECENTLY_MS) {
      return {
        connections,
        idle,
        waiting,
        degraded: `all ${connections} connections are in use, ${waiting} wait for one`,
      };
    }
    await this.source.query('SELECT 1');
    return { connections, idle, waiting };
  }
}

/** Migrations of this build that the database has not seen: a restored backup, or a rollback by hand. */
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

/** Whether the application's login can do more than an application should. */
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

/** The pg pool below a data source. */
export function poolOf(source: DataSource): Pool {
  return (source.driver as unknown as { master: Pool }).master;
}
