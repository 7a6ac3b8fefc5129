import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { EmbeddedPostgres } from '../../src/database/embedded/embedded-postgres.js';
import { installMissing } from './install.js';
import { RedisServer } from './redis-server.js';

declare module 'vitest' {
  export interface ProvidedContext {
    databaseUrl: string;
    redisUrl: string;
  }
}

/** Starts the servers that tests need and stops them afterwards, unless the environment names some. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  installMissing();
  const folder = await mkdtemp(join(tmpdir(), 'bulwark-test-'));
  const { TEST_DATABASE_URL, TEST_REDIS_URL } = process.env;
  const postgres = TEST_DATABASE_URL
    ? undefined
    : await EmbeddedPostgres.start({ dataDir: folder, settings: { fsync: 'off', max_connections: '200' } });
  const redis = TEST_REDIS_URL ? undefined : await RedisServer.start();
  project.provide('databaseUrl', TEST_DATABASE_URL ?? postgres?.url ?? '');
  project.provide('redisUrl', TEST_REDIS_URL ?? redis?.url ?? '');
  return async () => {
    await redis?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
