import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Pool } from 'pg';
import { DataSource, MigrationExecutor } from 'typeorm';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../ports/index.js';
import { excessOf, readLogin } from './login.js';

/** A pool in which a connection was released within this time is busy and not blocked. */
const RECENT_RELEASE_MS = 1_000;

/**
 * Checks the database through the pool of the application. If all connections are in use, a query would wait behind the
 * requests, and high load would look like an outage. In that case a recently released connection proves that the
 * database works.
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
    if (isExhausted && performance.now() - this.lastReleaseAt < RECENT_RELEASE_MS) {
      return {
        connections,
        idle,
        waiting,
        degraded: `all ${connections} connections are in use, and ${waiting} requests wait for a connection`,
      };
    }
    await this.source.query('SELECT 1');
    return { connections, idle, waiting };
  }
}

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
