import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../common/index.js';

/** Asks the database through the application's own pool, so that an exhausted pool shows. */
@Injectable()
@HealthCheckOf({ key: 'database' })
export class DatabaseHealth implements HealthContributor {
  constructor(@InjectDataSource() private readonly source: DataSource) {}

  async check(): Promise<HealthReport> {
    await this.source.query('SELECT 1');
    const { totalCount, idleCount, waitingCount } = poolOf(this.source);
    return { connections: totalCount, idle: idleCount, waiting: waitingCount };
  }
}

/** The pg pool below a data source. */
export function poolOf(source: DataSource): Pool {
  return (source.driver as unknown as { master: Pool }).master;
}
