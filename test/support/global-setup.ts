import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { EmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { freePort } from './ports.js';
import { until } from './until.js';

declare module 'vitest' {
  export interface ProvidedContext {
    databaseUrl: string;
    redisUrl: string;
  }
}

/** Starts the servers that tests need and stops them afterwards, unless the environment names some. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'bulwark-test-'));
  const { TEST_DATABASE_URL, TEST_REDIS_URL } = process.env;
  const postgres = TEST_DATABASE_URL
    ? undefined
    : await EmbeddedPostgres.start({ dataDir: folder, settings: { fsync: 'off', max_connections: '200' } });
  const redis = TEST_REDIS_URL ? undefined : await startRedis(folder);
  project.provide('databaseUrl', TEST_DATABASE_URL ?? postgres?.url ?? '');
  project.provide('redisUrl', TEST_REDIS_URL ?? redis?.url ?? '');
  return async () => {
    redis?.process.kill();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  };
}

async function startRedis(folder: string): Promise<{ url: string; process: ChildProcess }> {
  installRedis();
  const port = await freePort();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const server = spawn('redis-server', options, { stdio: 'ignore' });
  await until('redis-server answers', () => canConnect(port));
  return { url: `redis://127.0.0.1:${port}`, process: server };
}

function installRedis(): void {
  const isInstalled = () => spawnSync('redis-server', ['--version']).status === 0;
  if (isInstalled()) return;
  const isRoot = process.getuid?.() === 0;
  if (isRoot && spawnSync('apt-get', ['--version']).status === 0) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['update', '-q'], { env });
    spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'redis-server'], { env });
  }
  if (!isInstalled()) {
    throw new Error('The tests need redis-server: install it (apt-get install redis-server), or set TEST_REDIS_URL.');
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.end());
  });
}
