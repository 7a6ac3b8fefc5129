import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { EmbeddedPostgres } from '../../src/database/embedded/embedded-postgres.js';
import { databaseSettings, migrate } from '../../src/database/index.js';
import { migrations } from '../../src/migrations.js';
import { createDatabase } from './database.js';
import { installMissing } from './install.js';
import { RedisServer } from './redis-server.js';

declare module 'vitest' {
  export interface ProvidedContext {
    databaseUrl: string;
    /** Name of a database with all migrations, to which nothing is connected. */
    templateDatabase: string;
    redisUrl: string;
    /** Folder that is removed after the run. */
    runFolder: string;
  }
}

/** Starts the servers that tests need and stops them after the run. It starts none that the environment names. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  installMissing();
  const folder = await mkdtemp(join(tmpdir(), 'bulwark-test-'));
  project.provide('runFolder', folder);
  const { TEST_DATABASE_URL, TEST_REDIS_URL } = process.env;
  const postgres = TEST_DATABASE_URL
    ? undefined
    : await EmbeddedPostgres.start({ dataDir: folder, settings: { fsync: 'off', max_connections: '300' } });
  const redis = TEST_REDIS_URL ? undefined : await RedisServer.start();
  const databaseUrl = TEST_DATABASE_URL ?? postgres?.url ?? '';
  project.provide('databaseUrl', databaseUrl);
  const template = await createDatabase(databaseUrl, 'template');
  await migrate(template.url, databaseSettings({ url: template.url, migrations }));
  project.provide('templateDatabase', template.name);
  project.provide('redisUrl', TEST_REDIS_URL ?? redis?.url ?? '');
  return async () => {
    await redis?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
