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
    'They also run at each start, under a lock; so this is for those who want them out of the way before, or whose ' +
    'application logs in as another role than the owner of the tables (DATABASE_MIGRATION_URL). Then it also makes the ' +
    'coming partitions of the audit trail and drops those past AUDIT_RETENTION_DAYS: run it every month.',
  async run() {
    // A migration that is cut short is rolled back by the server, so that there is nothing to undo.
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

/** What the application's own login may not do with the audit trail. */
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
