import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { built } from '../support/built.js';
import { testFolder } from '../support/folder.js';
import { Program } from '../support/program.js';
import { until } from '../support/until.js';

const APP = resolve('test/fixtures/embedded-app.mjs');

/** The embedded database of an application with its own main.ts. It is a process of its own. */
describe('the embedded database of DatabaseModule', () => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let program: Program;
  beforeAll(built);
  beforeEach(async () => {
    folder = await testFolder();
  });
  afterEach(async () => {
    program.kill('SIGKILL');
    const pid = await serverPid();
    if (pid !== undefined) process.kill(pid, 'SIGINT');
    await until('the server has ended', async () => (await serverPid()) === undefined);
    await folder.stop();
  });

  /** Id of the server's process; undefined if none runs. */
  async function serverPid(): Promise<number | undefined> {
    const file = await readFile(join(folder.path, 'data/postgres/postmaster.pid'), 'utf8').catch(() => '');
    const pid = Number.parseInt(file, 10);
    if (!(pid > 0)) return undefined;
    try {
      process.kill(pid, 0);
      return pid;
    } catch {
      return undefined;
    }
  }

  function start(env: Record<string, string>): Program {
    return (program = new Program(APP, env, folder.path));
  }

  it.each([
    ['SIGTERM without shutdown hooks', 'none', 'SIGTERM', -1],
    ['SIGINT without shutdown hooks', 'none', 'SIGINT', -1],
    ['SIGTERM with shutdown hooks', 'shutdown hooks', 'SIGTERM', -1],
    ['SIGTERM with a handler of the application', 'own handler', 'SIGTERM', 7],
  ] as const)('stops after %s', async (_, mode, signal, code) => {
    start({ MODE: mode });
    await program.says('started');
    expect(await serverPid()).toBeGreaterThan(0);
    program.kill(signal);
    expect(await program.ends()).toBe(code);
    expect(program.output.includes('own handler')).toBe(mode === 'own handler');
    await until('the server has ended', async () => (await serverPid()) === undefined);
  });

  it.each([
    ['process.exit()', 'exit', 3, 'started'],
    ['an uncaught error', 'uncaught error', 1, 'a bug'],
    ['a failed start', 'failing start', 1, 'AuthModule cannot start'],
  ] as const)('stops after %s', async (_, mode, code, text) => {
    start({ MODE: mode });
    expect(await program.ends()).toBe(code);
    expect(program.output).toContain(text);
    await until('the server has ended', async () => (await serverPid()) === undefined);
  });

  it('stops when the application closes, and the process ends', async () => {
    start({ MODE: 'close' });
    expect(await program.ends()).toBe(0);
    expect(await serverPid()).toBeUndefined();
  });

  it('is refused in production unless the application allows it', async () => {
    start({ NODE_ENV: 'production' });
    expect(await program.ends()).toBe(1);
    expect(program.output).toContain('DatabaseModule has no url');
    expect(program.output).toContain(
      'DatabaseModule.forRoot({ url: process.env.DATABASE_URL }), or allowEmbedded: true',
    );
    expect(await serverPid()).toBeUndefined();
    start({ NODE_ENV: 'production', ALLOW_EMBEDDED: 'true', MODE: 'close' });
    expect(await program.ends()).toBe(0);
    start({ ALLOW_EMBEDDED: 'false' });
    expect(await program.ends()).toBe(1);
  });
});
