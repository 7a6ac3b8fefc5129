import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../src/common/index.js';
import { EmbeddedPostgres } from '../../src/database/index.js';
import { testFolder } from '../support/folder.js';
import { TestApp } from '../support/harness.js';
import { lastingPort } from '../support/ports.js';
import { until } from '../support/until.js';

describe('an application whose database', () => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let database: EmbeddedPostgres;
  let app: TestApp;
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);

  /** Sends a signal to the server and to every process it has started. */
  const signal = async (name: string) => {
    const [pid = ''] = (await readFile(join(folder.path, 'postgres', 'postmaster.pid'), 'utf8')).split('\n');
    const children = execFileSync('ps', ['-o', 'pid=', '--ppid', pid], { encoding: 'utf8' }).trim().split(/\s+/);
    for (const one of [pid, ...children]) {
      try {
        process.kill(Number(one), name);
      } catch (error) {
        // A child process may have ended already, by itself or because the server ended.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  };
  const isReady = async () => (await app.get('/health/ready')).status === 200;

  beforeAll(async () => {
    folder = await testFolder();
    database = await EmbeddedPostgres.start({ dataDir: folder.path, port: lastingPort(), settings: { fsync: 'off' } });
    app = await TestApp.start({ DATABASE_URL: database.url });
    process.on('unhandledRejection', note);
  });
  afterAll(async () => {
    process.off('unhandledRejection', note);
    await app.stop();
    await database.stop();
    await folder.stop();
  });

  it('hangs is alive and not ready, answers every probe, and is ready when the database works again', async () => {
    await signal('SIGSTOP');
    try {
      await until('the hang shows', async () => !(await isReady()));
      const probes = await Promise.all(Array.from({ length: 50 }, () => app.get('/health/ready')));
      expect(new Set(probes.map(({ status }) => status))).toEqual(new Set([503]));
      expect((await app.get('/health/live')).status).toBe(200);
    } finally {
      await signal('SIGCONT');
    }
    await until('the application is ready again', isReady);
  });

  it('is killed is not ready, and is ready without a restart when the database is back', async () => {
    await signal('SIGKILL');
    await until('the outage shows', async () => !(await isReady()));
    expect((await app.get('/health/live')).status).toBe(200);
    const calls: [string, object][] = [
      ['/auth/login', { email: 'nobody@example.com', password: 'whatever' }],
      ['/auth/register', { email: 'nobody@example.com', password: 'correct horse battery', name: 'Nobody' }],
      ['/auth/refresh', { refreshToken: `${uuidv7()}.${'a'.repeat(43)}` }],
    ];
    for (const [path, body] of calls) {
      const answer = await app.post(path, body);
      expect([answer.status, answer.body.code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(answer.text).not.toMatch(/ECONNREFUSED|terminat|postgres/i);
    }
    database = await EmbeddedPostgres.start({ dataDir: folder.path, port: lastingPort(), settings: { fsync: 'off' } });
    await until('the application is ready again', isReady);
    await app.register();
    expect(unhandled).toEqual([]);
  });
});
