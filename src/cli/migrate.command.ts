import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AuditMaintenance, AuditModule } from '../audit/index.js';
import { loadConfig, readEnvironment, type AppConfig } from '../config/index.js';
import {
  DatabaseModule,
  databaseServer,
  databaseSettings,
  migrate,
  reachDatabase,
  stopEmbeddedServers,
} from '../database/index.js';
import { migrations } from '../migrations.js';
import { exitOnSignals } from '../shutdown/index.js';
import { defineCommand } from './command.js';

export const command = defineCommand({
  options: {},
  details:
    'Migrations also run at each start, under a lock. Use this command to run them before a start, or if the application ' +
    'logs in as another role than the owner of the tables (DATABASE_MIGRATION_URL). In the second case, it also creates ' +
    'the next partitions of the audit trail and drops partitions older than AUDIT_RETENTION_DAYS. Then run it every month.',
  async run() {
    // The server rolls back an interrupted migration, so nothing has to be undone here.
    exitOnSignals(stopEmbeddedServers);
    const { config } = loadConfig(readEnvironment());
    const settings = databaseSettings({ ...config.database, migrations });
    const server = await databaseServer(settings);
    try {
      const url = settings.migrationUrl ?? server.url;
      await reachDatabase(url, settings);
      const names = await migrate(url, settings);
      if (settings.migrationUrl !== undefined) await maintain(config, url);
      console.log(names.length === 0 ? 'Nothing to migrate.' : names.map((name) => `migrated: ${name}`).join('\n'));
    } finally {
      await server.stop();
    }
    return 0;
  },
});

/** Maintenance of the audit trail that the application's own login may not do. */
async function maintain(config: AppConfig, url: string): Promise<void> {
  const { digestDir: _dir, digestBucket: _bucket, sinkDir: _sinks, sinkRedisStream: _stream, ...audit } = config.audit;
  @Module({
    imports: [
      DatabaseModule.forRoot({ ...config.database, url, poolMin: 0, poolMax: 2, migrations }),
      AuditModule.forRoot({ ...audit, journalDir: undefined, sealIntervalMs: 0, maintenanceIntervalMs: 0 }),
    ],
  })
  class MaintenanceModule {}
  const app = await NestFactory.createApplicationContext(MaintenanceModule, {
    logger: ['error', 'warn'],
    abortOnError: false,
  });
  try {
    await app.get(AuditMaintenance).runAsOwner();
  } finally {
    await app.close();
  }
}
